import { spawn } from "node:child_process";
import { once } from "node:events";
import type { BareSlot } from "./baselines/bare-log.ts";
import { until } from "./real-run.ts";
import { withClient } from "./workload.ts";

const GONE_TIMEOUT_MS = 60_000;

/** Runs a program of `baselines/` to its end; gives what it says, and the seconds from its start on. */
export async function runBare<Said extends object>(
  program: URL,
  given: object,
): Promise<Said & { readonly seconds: number }> {
  const began = performance.now();
  const bare = startBare(program, given);
  const said = await textOf(bare);
  return { ...(JSON.parse(said) as Said), seconds: (performance.now() - began) / 1000 };
}

/** A program that copies until it is stopped. */
export interface BareCopier {
  stop(): Promise<void>;
}

/** Starts one; resolves when it reads. */
export async function startBareCopier(program: URL, given: BareSlot): Promise<BareCopier> {
  const child = startBare(program, given);
  const ended = once(child, "exit");
  await Promise.race([
    once(child.stdout, "data"),
    ended.then(() => Promise.reject(new Error(`${program.pathname} ended before it read`))),
  ]);
  return {
    stop: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

function startBare(program: URL, given: object) {
  const stdio: ["pipe", "pipe", "inherit"] = ["pipe", "pipe", "inherit"];
  const child = spawn(process.execPath, [program.pathname], { stdio });
  child.stdin.end(JSON.stringify(given));
  return child;
}

async function textOf(child: ReturnType<typeof startBare>): Promise<string> {
  const parts: Buffer[] = [];
  child.stdout.on("data", (part: Buffer) => parts.push(part));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${child.spawnargs[1] ?? ""} ended with ${code}`);
  return Buffer.concat(parts).toString();
}

/** A slot of its own from here on, for all tables of a database. */
export async function createBareSlot(url: string): Promise<BareSlot> {
  const [slot, publication] = [`bare_${new URL(url).pathname.slice(1)}`, "bare"];
  await withClient(url, async (client) => {
    await client.query("DROP PUBLICATION IF EXISTS bare; CREATE PUBLICATION bare FOR ALL TABLES");
    await client.query("SELECT pg_create_logical_replication_slot($1, 'pgoutput')", [slot]);
  });
  return { url, slot, publication };
}

/** A slot stays in use for a moment after its reader has gone. */
export async function dropBareSlot({ url, slot }: BareSlot): Promise<void> {
  await withClient(url, async (client) => {
    const dropped = async (): Promise<boolean> => {
      const { rowCount } = await client.query(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active",
        [slot],
      );
      return rowCount === 1;
    };
    await until(dropped, GONE_TIMEOUT_MS);
  });
}
