/**
 * moto for tests: a stand-in for AWS that we did not write, to compare `dynamodb-local` with. It loses everything when it ends.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { pythonOf } from "../../scripts/python.mjs";
import { bringServer } from "../../scripts/servers.mjs";
import { askBrokerForMoto } from "./broker-client.ts";

const READY_MS = 60_000;

/** A moto of one's own. */
export interface MotoProcess {
  readonly url: string;
  stop(): Promise<void>;
}

/** Starts one on a free port; a second or two. */
export async function startMoto(): Promise<MotoProcess> {
  const folder = await bringServer("moto");
  const { command, environment } = pythonOf(folder);
  const [file, ...first] = command;
  const args = ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"];
  const env = { PATH: process.env["PATH"] ?? "", ...environment };
  const child = spawn(file, [...first, ...args], {
    cwd: folder,
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  // There is nothing to save, and it takes two seconds to end politely. It must not outlive us.
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  try {
    const url = await addressOf(child);
    return {
      url,
      stop: async () => {
        process.off("exit", kill);
        kill();
      },
    };
  } catch (error) {
    kill();
    throw error;
  }
}

/** It says where it is on standard error. */
function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = "";
    const fail = (why: string): void => reject(new Error(`moto ${why}: ${said.slice(-500)}`));
    const deadline = setTimeout(() => fail("did not start in time"), READY_MS);
    const read = (text: unknown): void => {
      said += String(text);
      const url = /Running on (http:\/\/127\.0\.0\.1:\d+)/.exec(said)?.[1];
      if (url === undefined) return;
      clearTimeout(deadline);
      said = "";
      resolve(url);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.on("error", (error) => fail(error.message));
    child.on("exit", (code) => fail(`ended with ${code}`));
  });
}

/** The URL of the moto of the run: the user's, where MILLRACE_TEST_MOTO_URL names one. Names and accounts of one's own keep tests apart. */
export function sharedMoto(): Promise<string> {
  return askBrokerForMoto();
}
