// The log as @vlasky/zongji reads it: every row an object of its columns. It shares no code with the engine.
import { once } from "node:events";
import ZongJi, { type UpdateRowsEvent, type WriteRowsEvent } from "@vlasky/zongji";
import { anyServerId, type RecordedLog } from "../replay/recorded-log.ts";

/** Reads until so many rows of a table `items` have come; gives nothing of them. */
export async function readByZongji(log: RecordedLog, schema: string, rows: number): Promise<void> {
  const { host, port, user, password } = log.connection;
  // Dates as texts have all of their digits, as ours have.
  const reader = new ZongJi({ host, port, user, password: String(password), dateStrings: true });
  const done = Promise.withResolvers<void>();
  let seen = 0;
  reader.on("binlog", (event) => {
    if (event.getTypeName() === "TableMap") return;
    seen += (event as WriteRowsEvent | UpdateRowsEvent).rows.length;
    if (seen === rows) done.resolve();
  });
  reader.on("error", done.reject);
  reader.start({
    serverId: anyServerId(),
    filename: log.fileName,
    position: log.from,
    includeEvents: ["tablemap", "writerows", "updaterows"],
    includeSchema: { [schema]: ["items"] },
  });
  await once(reader, "ready");
  await done.promise;
  reader.stop();
}
