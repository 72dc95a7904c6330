import type { Command } from "commander";
import { type Common, subcommand } from "./subcommand.ts";
import type { CliSurroundings } from "./surroundings.ts";

/** Commands about a pipeline file that need no running process: `validate`, `verify`, `plan`, `adopt`, `cleanup`. */
export function addFileCommands(
  program: Command,
  io: CliSurroundings,
  finish: (code: number) => void,
): void {
  addValidate(program, io, finish);
  addVerify(program, io, finish);
  addPlan(program, io, finish);
  addAdopt(program, io, finish);
  addCleanup(program, io, finish);
}

type Add = (program: Command, io: CliSurroundings, finish: (code: number) => void) => void;

const addValidate: Add = (program, io, finish) => {
  subcommand(program, "validate <file...>", "say everything that is wrong with pipeline files")
    .option("--connect", "also what the servers say: rights, settings, keys, slots, limits")
    .action(async (files: string[], flags: Common & { connect?: boolean }) => {
      const { validateCommand } = await import("./validate-command.ts");
      finish(
        await validateCommand(
          { files, connect: flags.connect ?? false, json: flags.json ?? false },
          io,
        ),
      );
    });
};

const addVerify: Add = (program, io, finish) => {
  subcommand(program, "verify <file>", "compare source and target, while changes flow")
    .option("--rows", "name the rows that differ, by key and column")
    .action(async (file: string, flags: Common & { rows?: boolean }) => {
      const { verifyCommand } = await import("./verify-command.ts");
      finish(
        await verifyCommand({ file, rows: flags.rows ?? false, json: flags.json ?? false }, io),
      );
    });
};

const addPlan: Add = (program, io, finish) => {
  subcommand(
    program,
    "plan <file>",
    "what run would do: tables, DDL, types, chunks, cost; writes nothing",
  ).action(async (file: string, flags: Common) => {
    const { planCommand } = await import("./plan-command.ts");
    finish(await planCommand({ file, json: flags.json ?? false }, io));
  });
};

const ADOPT_HELP = `
The connector has to be stopped. What it has not begun, and what its stream has lost since, is loaded anew by run.

  millrace adopt orders.yaml --connect-offsets offsets.json --dry-run    what GET /connectors/NAME/offsets answered
  millrace adopt orders.yaml --connect-offsets topic:connect-offsets --connector orders
`;

interface AdoptFlags extends Common {
  readonly connectOffsets: string;
  readonly connector?: string;
  readonly dryRun?: boolean;
}

const addAdopt: Add = (program, io, finish) => {
  subcommand(
    program,
    "adopt <file>",
    "go on where kafka-connect-dynamodb of Trustpilot has stopped, without a new INIT_SYNC",
  )
    .requiredOption(
      "--connect-offsets <file>",
      "Kafka Connect's offsets: a file, or topic:NAME at the sink's brokers",
    )
    .option("--leases", "read its lease tables datalake-KCL-TABLE (always done; kept for scripts)")
    .option("--connector <name>", "only this connector's, where the topic has several")
    .option("--dry-run", "say what would be done, and write nothing")
    .addHelpText("after", ADOPT_HELP)
    .action(async (file: string, flags: AdoptFlags) => {
      const { adoptCommand } = await import("./adopt-command.ts");
      const { connectOffsets: offsets, connector = null, dryRun = false, json = false } = flags;
      finish(await adoptCommand({ file, offsets, connector, dryRun, json }, io));
    });
};

const CLEANUP_HELP = `
Targets and their rows always stay. Done again it comes to the same.

  millrace cleanup shop.yaml           the pipeline is to run no more: its source need not keep its log
  millrace cleanup shop.yaml --state   it is to begin anew, or another pipeline is to write to its targets
`;

interface CleanupFlags {
  readonly state?: boolean;
  readonly force?: boolean;
  readonly eventTrigger?: boolean;
}

const addCleanup: Add = (program, io, finish) => {
  subcommand(
    program,
    "cleanup <file>",
    "drop what a stopped pipeline has at its source: PostgreSQL's slot and publication; MySQL keeps nothing",
  )
    .option(
      "--state",
      "also what the sink keeps of it: positions, dead letters, whose its targets are; the next run is a first start and loads all anew",
    )
    .option("--force", "with --state: also where it says that a process has it, which ends then")
    .option(
      "--event-trigger",
      "also the event trigger that all pipelines of a PostgreSQL database share",
    )
    .addHelpText("after", CLEANUP_HELP)
    .action(async (file: string, flags: Common & CleanupFlags) => {
      const { cleanupCommand } = await import("./cleanup-command.ts");
      const { state = false, force = false, eventTrigger = false, json = false } = flags;
      finish(await cleanupCommand({ file, state, force, eventTrigger, json }, io));
    });
};
