/** The command `dsql-local`. */
import { argv, env, exit, stderr, stdout } from "node:process";
import { readCommand } from "./cli-options.ts";
import { startDsqlLocal, type DsqlLocal } from "./cluster.ts";

const INVALID_USAGE = 2;

async function main(): Promise<void> {
  const command = readCommand(argv.slice(2));
  if (command.kind === "help") {
    stdout.write(command.text);
    return;
  }
  if (command.kind === "invalid") {
    for (const problem of command.problems) stderr.write(`dsql-local: ${problem}\n`);
    stderr.write("dsql-local --help shows what there is\n");
    exit(INVALID_USAGE);
  }
  const cluster = await startDsqlLocal(command.options);
  endOnSignals(cluster);
  stdout.write(command.json ? jsonLine(cluster) : greeting(cluster));
}

function jsonLine(cluster: DsqlLocal): string {
  const { host, port, user, database, tls, ca, controlUrl } = cluster;
  const control = controlUrl === "" ? {} : { control: controlUrl };
  return `${JSON.stringify({ host, port, user, database, tls, ca, ...control })}\n`;
}

function greeting(cluster: DsqlLocal): string {
  const control = cluster.controlUrl === "" ? "" : `\nControl port: ${cluster.controlUrl}`;
  const trust = cluster.tls ? `\nCA to trust: ${cluster.caFile}` : "";
  return `dsql-local answers at ${cluster.url}${trust}${control}\nPress Ctrl-C to end it.\n`;
}

function endOnSignals(cluster: DsqlLocal): void {
  let ending = false;
  const end = (): void => {
    if (ending) exit(1);
    ending = true;
    cluster.stop().then(
      () => exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
  // A Ctrl-C goes to both, and is no second one.
  if (env["npm_command"] !== undefined)
    watchParent(() => {
      if (!ending) end();
    });
}

const PARENT_LOOK_MS = 250;

/** npm and npx end their shell at a signal, and tell nobody below it. */
function watchParent(end: () => void): void {
  const parent = process.ppid;
  const look = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(look);
    end();
  }, PARENT_LOOK_MS).unref();
}

function fail(error: unknown): never {
  stderr.write(`dsql-local: ${failureText(error)}\n`);
  exit(1);
}

function failureText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!("code" in error && error.code === "EADDRINUSE" && "port" in error)) return error.message;
  const command = readCommand(argv.slice(2));
  const isOurs = command.kind === "run" && command.options.port === error.port;
  return `port ${String(error.port)} is taken; use ${isOurs ? "--port N" : "another one for --control"}`;
}

main().catch(fail);
