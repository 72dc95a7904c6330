import { type Command, Option } from "commander";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "../observe/logger.ts";

/** What every command takes. */
export interface Common {
  readonly json?: boolean;
  readonly logLevel: LogLevel;
  readonly logFormat?: LogFormat;
}

/** A command with the options that every command takes. */
export function subcommand(program: Command, usage: string, description: string): Command {
  return program
    .command(usage)
    .description(description)
    .option("--json", "one JSON document, or for run one JSON object per line")
    .addOption(
      new Option("--log-level <level>", "what is logged on stderr")
        .choices(LOG_LEVELS)
        .default("warn"),
    )
    .addOption(
      new Option("--log-format <format>", "pretty on a terminal, json elsewhere").choices(
        LOG_FORMATS,
      ),
    );
}
