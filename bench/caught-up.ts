import { loadPipeline } from "millrace";

/** One run of a pipeline from its start until it had caught up. */
export interface CaughtUp {
  /** From before `start` to the last durable commit. */
  readonly seconds: number;
  /** From the first durable commit to the last, and the rows of those after the first. */
  readonly steadySeconds: number;
  readonly steadyRows: number;
  /** CPU of this process, garbage collection included. */
  readonly cpuSeconds: number;
}

/** Runs a pipeline until it has caught up, and stops it. */
export async function catchUp(description: object): Promise<CaughtUp> {
  const commits: { readonly atMs: number; readonly rows: number }[] = [];
  const observer = {
    event() {},
    committed: ({ rows }: { readonly rows: number }) => {
      commits.push({ atMs: performance.now(), rows });
    },
    failed() {},
    schemaChange() {},
  };
  const pipeline = await loadPipeline(description, { observers: [observer] });
  const cpu = process.cpuUsage();
  const beganMs = performance.now();
  await pipeline.start();
  await Promise.race([pipeline.caughtUp(), pipeline.done]);
  const { user, system } = process.cpuUsage(cpu);
  await pipeline.stop();
  const firstMs = commits[0]?.atMs ?? beganMs;
  const lastMs = commits.at(-1)?.atMs ?? beganMs;
  return {
    seconds: (lastMs - beganMs) / 1000,
    steadySeconds: (lastMs - firstMs) / 1000,
    steadyRows: commits.slice(1).reduce((sum, { rows }) => sum + rows, 0),
    cpuSeconds: (user + system) / 1e6,
  };
}
