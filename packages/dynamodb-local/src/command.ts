/** The command `dynamodb-local`. */
import { argv, exit, stderr, stdout } from "node:process";
import { readCommand } from "./cli-options.ts";
import { startDynamodbLocal, type DynamodbLocal } from "./local.ts";

const INVALID_USAGE = 2;

async function main(): Promise<void> {
  const command = readCommand(argv.slice(2));
  if (command.kind === "help") {
    stdout.write(command.text);
    return;
  }
  if (command.kind === "invalid") {
    for (const problem of command.problems) stderr.write(`dynamodb-local: ${problem}\n`);
    stderr.write("dynamodb-local --help shows what there is\n");
    exit(INVALID_USAGE);
  }
  const local = await startDynamodbLocal(command.options);
  endOnSignals(local);
  stdout.write(command.json ? jsonLine(local) : greeting(local));
}

function jsonLine({ url, host, port, controlUrl }: DynamodbLocal): string {
  const control = controlUrl === "" ? {} : { control: controlUrl };
  return `${JSON.stringify({ url, host, port, ...control })}\n`;
}

function greeting({ url, controlUrl }: DynamodbLocal): string {
  const control = controlUrl === "" ? "" : `\nControl port: ${controlUrl}`;
  return `dynamodb-local answers at ${url}${control}\nPress Ctrl-C to end it.\n`;
}

function endOnSignals(local: DynamodbLocal): void {
  let ending = false;
  const end = (): void => {
    if (ending) exit(1);
    ending = true;
    local.stop().then(
      () => exit(0),
      (error: unknown) => fail(error),
    );
  };
  process.on("SIGTERM", end);
  process.on("SIGINT", end);
}

function fail(error: unknown): never {
  stderr.write(`dynamodb-local: ${failureText(error)}\n`);
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
