import { MillraceError } from "../../errors/millrace-error.ts";
import type { TableShape } from "../../model/table.ts";
import type { ServerStanding } from "./server-standing.ts";

/**
 * Refuses a server whose log does not tell what a pipeline needs. A session may write otherwise than the server's
 * settings say; the log shows that when it is read.
 * @throws MillraceError MR_SOURCE_REFUSED
 */
export function refuseLogSettings(
  { logs, format, rowImage }: ServerStanding,
  tables: readonly TableShape[],
): void {
  if (!logs)
    throw new MillraceError("MR_SOURCE_REFUSED", "the server writes no binary log", {
      remedy: "Start it with log_bin and a server_id.",
    });
  if (format !== "ROW")
    throw new MillraceError(
      "MR_SOURCE_REFUSED",
      `binlog_format is ${format}: the log has statements, which nobody but the server can apply`,
      { remedy: "SET GLOBAL binlog_format = 'ROW', and let the sessions that write begin anew." },
    );
  const keyless = tables.filter(({ key }) => key.length === 0);
  if (rowImage === "FULL" || keyless.length === 0) return;
  throw new MillraceError(
    "MR_SOURCE_REFUSED",
    `binlog_row_image is ${rowImage}, and without key nobody can tell which row an update or a delete is about: ` +
      keyless.map(({ id }) => id).join(", "),
    {
      remedy:
        "SET GLOBAL binlog_row_image = 'FULL', give the tables a primary key, or leave them out.",
    },
  );
}
