import { startBareThread } from "../bare-thread.ts";
import type { ReadyMessages } from "../baselines/ready-batches.ts";
import { cpuSecondsOf } from "../process-cpu.ts";

const SENDER = new URL("../baselines/ready-batches.ts", import.meta.url);

/** What source and broker took with nobody between them. */
export interface BothServers {
  readonly seconds: number;
  /** Of both, and of the two threads that read and send. */
  readonly cpuSeconds: number;
}

/**
 * The most that a source and a broker give on one machine: the rows are read by the best raw reader of the source while as many
 * messages that were made beforehand go to the broker, in no transaction; `read` gives its seconds, and the longer of the two
 * counts. Who copies rows has all of that to do, and more.
 */
export async function bothServers(
  read: () => Promise<number>,
  messages: ReadyMessages,
  pids: readonly number[],
): Promise<BothServers> {
  const sender = await startBareThread(SENDER, messages);
  const cpuNow = (): number => {
    const { user, system } = process.cpuUsage();
    return pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), (user + system) / 1e6);
  };
  const cpu = cpuNow();
  const seconds = Math.max(...(await Promise.all([read(), sender.run()])));
  return { seconds, cpuSeconds: cpuNow() - cpu };
}
