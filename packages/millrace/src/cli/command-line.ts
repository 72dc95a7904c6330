import { Command, CommanderError } from "commander";
import { MillraceError } from "../errors/millrace-error.ts";
import { VERSION } from "../version.ts";
import {
  discardLetters,
  listLetters,
  replayLetters,
  showLetter,
  type LetterOptions,
} from "./dead-letter-commands.ts";
import { errorsCommand } from "./errors-command.ts";
import { exitCodeOf, tellFailure } from "./failure.ts";
import { addFileCommands } from "./file-commands.ts";
import { listenOptions } from "./listen-option.ts";
import type { RemoteOptions } from "./remote-commands.ts";
import { reloadPipeline } from "./reload-command.ts";
import { remoteAction, showStatus, showTables, tableAction } from "./remote-commands.ts";
import { type Common, subcommand } from "./subcommand.ts";
import type { CliSurroundings } from "./surroundings.ts";
import { EXIT } from "./surroundings.ts";

/** Runs one command line, without the program's name, and gives its exit code. */
export async function runCommandLine(
  args: readonly string[],
  io: CliSurroundings,
): Promise<number> {
  let code: number = EXIT.done;
  const program = createProgram(io, (result) => {
    code = result;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.invalid;
    tellFailure(error, args.includes("--json"), io);
    return exitCodeOf(error);
  }
}

function createProgram(io: CliSurroundings, finish: (code: number) => void): Command {
  const program = new Command("millrace")
    .description(
      "Copies tables of PostgreSQL, MySQL, MariaDB, DynamoDB or Debezium's topics into Amazon Aurora DSQL, PostgreSQL or Apache Kafka and keeps them equal: a full load, then change data capture.",
    )
    .version(VERSION, "-V, --version", "the version of Millrace")
    .showHelpAfterError("(millrace --help lists commands and options)")
    .exitOverride()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => io.stderr.write(text),
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    });
  addRun(program, io, finish);
  addFileCommands(program, io, finish);
  addRemoteCommands(program, io, finish);
  addDeadLetterCommands(program, io, finish);
  addReferenceCommands(program, io, finish);
  return program;
}

interface RunFlags extends Common {
  readonly untilCaughtUp?: boolean;
  readonly listen: string;
  readonly tokenFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
}

function addRun(program: Command, io: CliSurroundings, finish: (code: number) => void): void {
  subcommand(program, "run <file...>", "run pipelines in this process until they are stopped")
    .option(
      "--until-caught-up",
      "end once every table is in SYNC and the log was followed to where it stood then",
    )
    .option(
      "--listen <address:port>",
      "where metrics, health and the API answer, or off",
      "127.0.0.1:8083",
    )
    .option(
      "--token-file <path>",
      "file with the bearer token; needed for addresses that other machines reach",
    )
    .option("--tls-cert <path>", "PEM certificate of the listener")
    .option("--tls-key <path>", "PEM key of the listener's certificate")
    .action(async (files: string[], flags: RunFlags) => {
      const options = {
        files,
        untilCaughtUp: flags.untilCaughtUp ?? false,
        listen: listenOptions(flags.listen, flags),
        json: flags.json ?? false,
        logLevel: flags.logLevel,
        logFormat: flags.logFormat ?? null,
      };
      // Connectors take their time to load; commands that need none do without.
      const { runCommand } = await import("./run-command.ts");
      finish(await runCommand(options, io));
    });
}

function remote(program: Command, usage: string, description: string): Command {
  return subcommand(program, usage, description)
    .option("--url <url>", "address of the running process", "http://127.0.0.1:8083")
    .option("--pipeline <name>", "the pipeline; needed where the process runs several")
    .option("--token-file <path>", "file with the bearer token of the process");
}

type RemoteFlags = Common & Omit<RemoteOptions, "json">;

const remoteOptions = (flags: RemoteFlags): RemoteOptions => ({
  ...flags,
  json: flags.json ?? false,
});

/** Of the whole pipeline, or of one table. */
const PAUSES = [
  ["pause", "read nothing more; what is on its way is written. With TABLE: leave its changes out"],
  ["resume", "go on after a pause. With TABLE: load it anew"],
] as const;

function addRemoteCommands(
  program: Command,
  io: CliSurroundings,
  finish: (code: number) => void,
): void {
  const options = remoteOptions;
  remote(program, "status", "what the pipelines of a running process do").action(
    async (flags: RemoteFlags) => finish(await showStatus(options(flags), io)),
  );
  remote(program, "tables", "the tables of a running pipeline")
    .option("--verbose", "what is special about each, too")
    .action(async (flags: RemoteFlags & { verbose?: boolean }) =>
      finish(await showTables({ ...options(flags), verbose: flags.verbose ?? false }, io)),
    );
  remote(program, "resync <table>", "load a table again, by its name at the source").action(
    async (table: string, flags: RemoteFlags) =>
      finish(await tableAction("resync", table, options(flags), io)),
  );
  addPauses(program, io, finish);
  remote(program, "reload", "read the file again: tables, routes and transforms").action(
    async (flags: RemoteFlags) => finish(await reloadPipeline(options(flags), io)),
  );
  const actions = [
    ["restart", "stop and start again from the state at the sink"],
    ["stop", "finish what is under way and end the pipeline"],
  ] as const;
  for (const [action, description] of actions) {
    remote(program, action, description).action(async (flags: RemoteFlags) =>
      finish(await remoteAction(action, options(flags), io)),
    );
  }
}

function addPauses(program: Command, io: CliSurroundings, finish: (code: number) => void): void {
  for (const [action, description] of PAUSES) {
    remote(program, `${action} [table]`, description)
      .option("--table <name>", "the same as TABLE")
      .action(async (named: string | undefined, flags: RemoteFlags & { table?: string }) => {
        if (named !== undefined && flags.table !== undefined)
          throw new MillraceError("MR_USAGE", `the table is given twice: ${named} and --table`);
        const table = flags.table ?? named;
        finish(
          table === undefined
            ? await remoteAction(action, remoteOptions(flags), io)
            : await tableAction(action, table, remoteOptions(flags), io),
        );
      });
  }
}

interface LetterFlags extends RemoteFlags {
  readonly table?: string;
  readonly all?: boolean;
}

function addDeadLetterCommands(
  program: Command,
  io: CliSurroundings,
  finish: (code: number) => void,
): void {
  const group = program
    .command("dead-letters")
    .description("rows that the sink refused: list them, replay them, give them up");
  const options = (flags: LetterFlags, file?: string): LetterOptions => ({
    ...flags,
    json: flags.json ?? false,
    ...(file === undefined ? {} : { file }),
  });
  const fromFile = "with a file, read at its sink, whether a process runs or not";
  remote(group, "list [file]", `the rows that are parked; ${fromFile}`)
    .option("--table <name>", "of one table, by its name at the source")
    .action(async (file: string | undefined, flags: LetterFlags) =>
      finish(await listLetters(options(flags, file), io)),
    );
  remote(group, "show <id> [file]", `all about one of them; ${fromFile}`).action(
    async (id: string, file: string | undefined, flags: LetterFlags) =>
      finish(await showLetter(id, options(flags, file), io)),
  );
  const settlers = [
    ["replay", "read rows from the source once more and apply them", replayLetters],
    ["discard", "take letters away and leave their rows as the sink has them", discardLetters],
  ] as const;
  for (const [action, description, settle] of settlers) {
    remote(group, `${action} [ids...]`, description)
      .option("--table <name>", "all of a table, by its name at the source")
      .option("--all", "all of the pipeline")
      .action(async (ids: string[], flags: LetterFlags) =>
        finish(await settle(ids, options(flags), io)),
      );
  }
}

function addReferenceCommands(
  program: Command,
  io: CliSurroundings,
  finish: (code: number) => void,
): void {
  subcommand(
    program,
    "errors [code]",
    "the catalogue of errors: meaning, whether it is retried, what to do",
  ).action((code: string | undefined, flags: Common) =>
    finish(errorsCommand(code, flags.json ?? false, io)),
  );
  subcommand(program, "version", "the version of Millrace").action((flags: Common) => {
    io.stdout.write(
      flags.json === true
        ? `${JSON.stringify({ version: VERSION, node: process.version })}\n`
        : `${VERSION}\n`,
    );
    finish(EXIT.done);
  });
}
