/** CreateTable and DeleteTable. */
import { randomUUID } from "node:crypto";
import type { Call } from "../call.ts";
import { fillBuckets, throughputOf } from "../capacity/throttle.ts";
import { keyNamesOf } from "../items/key.ts";
import { fieldsIn, isFields, listIn, textIn, without, type Fields } from "../json.ts";
import { refuse } from "../rules/table.ts";
import { described, settingsIn, tableOf } from "./describe.ts";
import { enableStream, viewTypeIn } from "./stream-switch.ts";
import { checkTags } from "./tags.ts";
import type { Table } from "./table.ts";
import { whereRefusedAs } from "../rules/refusal.ts";

/** Answers CreateTable. */
export async function createTable({ realm, request }: Call): Promise<Fields> {
  const view = viewOfNew(request);
  const tags = new Map(checkTags(listIn(request, "Tags"), new Map()));
  const creation = without(request, "Tags", "StreamSpecification");
  const answer =
    (await realm.engine
      .call("CreateTable", creation)
      .catch(whereRefusedAs("ResourceInUseException"))) ??
    refuseName(textIn(request, "TableName") ?? "");
  const description = fieldsIn(answer, "TableDescription");
  const table: Table = {
    name: textIn(description, "TableName") ?? "",
    arn: textIn(description, "TableArn") ?? "",
    id: randomUUID(),
    createdMs: realm.clock.nowMs(),
    keyNames: keyNamesOf(description),
    creation,
    stream: undefined,
    latest: undefined,
    timeToLive: undefined,
    updatingUntilMs: 0,
    settings: settingsIn(request),
    tags,
    buckets: { read: undefined, write: undefined },
  };
  realm.tables.set(table.name, table);
  fillBuckets(table, throughputOf({ ...description, ...table.settings }), realm.settings);
  if (view !== undefined) enableStream(realm, table, view, throughputOf(description));
  realm.tags.note(table.arn, tags);
  return { TableDescription: described(realm, description) };
}

/** dynalite says this without a text. */
function refuseName(table: string): never {
  throw refuse("tableExists", { table });
}

function viewOfNew(request: Fields): ReturnType<typeof viewTypeIn> {
  const specification = request["StreamSpecification"];
  if (!isFields(specification)) return undefined;
  const view = viewTypeIn(specification);
  const isEnabled = specification["StreamEnabled"] === true;
  if (isEnabled && view === undefined) throw refuse("createWithoutView");
  if (!isEnabled && view !== undefined) throw refuse("createDisabledWithView");
  return view;
}

/** Answers DeleteTable. Its stream can be read for another twenty-four hours. */
export async function deleteTable(call: Call): Promise<Fields> {
  const { realm, request } = call;
  const table = tableOf(call);
  if (table.settings["DeletionProtectionEnabled"] === true) throw refuse("deletionProtected");
  const answer = await realm.engine.call("DeleteTable", { ...request, TableName: table.name });
  const description = described(realm, fieldsIn(answer, "TableDescription"));
  table.stream?.disable(realm.clock.nowMs());
  table.stream = undefined;
  realm.tables.delete(table.name);
  realm.tags.note(table.arn, null);
  await forgetRehearsal(call, table);
  return { TableDescription: description };
}

/** Transactions rehearse in a twin of the table, where they needed one. */
async function forgetRehearsal({ realm }: Call, table: Table): Promise<void> {
  await realm.rehearsal
    .call("DeleteTable", { TableName: table.name })
    .catch(whereRefusedAs("ResourceNotFoundException"));
}
