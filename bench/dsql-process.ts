import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

/** A `dsql-local` in a process of its own, as a user has it: the proxy's work is not the engine's. */
export interface DsqlProcess {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly url: string;
  readonly pid: number;
  /** Needs `--control`. */
  setDelays(delays: { readonly statementMs: number; readonly commitMs: number }): Promise<void>;
  stop(): Promise<void>;
}

/** Its first line. */
interface Ready {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly control?: string;
}

/** Starts `dsql-local --tls off` on a free port, with these arguments besides. */
export async function startDsqlProcess(...besides: readonly string[]): Promise<DsqlProcess> {
  const cli = new URL("../packages/dsql-local/src/cli.ts", import.meta.url).pathname;
  const args = ["--conditions=source", cli, "--port", "0", "--tls", "off", "--json", ...besides];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout });
  const [line] = (await Promise.race([
    once(lines, "line"),
    once(child, "exit").then(() => {
      throw new Error("dsql-local ended before it was ready");
    }),
  ])) as [string];
  const { host, port, user, control } = JSON.parse(line) as Ready;
  return {
    host,
    port,
    user,
    pid: child.pid ?? 0,
    url: `postgres://${user}:any@${host}:${port}/postgres`,
    setDelays: async (delays) => {
      const body = JSON.stringify(delays);
      const answer = await fetch(`${control ?? ""}/delays`, { method: "POST", body });
      if (!answer.ok) throw new Error(`dsql-local did not take the delays: ${answer.status}`);
    },
    stop: async () => {
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}
