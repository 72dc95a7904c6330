/**
 * TransactWriteItems: every write is tried in a twin of its table first, by dynalite's own conditions and expressions; if one
 * is refused nothing is done, else what the tries came to is written, and recorded, at once.
 */
import type { Call } from "../call.ts";
import { fieldsIn, isFields, listIn, textIn, type Fields } from "../json.ts";
import type { Realm } from "../realm.ts";
import { itemBounds } from "../rules/items.ts";
import { Refusal, whereRefusedAs } from "../rules/refusal.ts";
import { refuse } from "../rules/table.ts";
import { EngineRefusal } from "./engine.ts";
import { itemBytes, type Item } from "./item.ts";
import { readActions, type TransactionAction } from "./transaction-actions.ts";
import { isConditionFailure, itemLock } from "./writes.ts";

/** What an action does to its item, or why it cannot. */
type Outcome =
  | { readonly before: Item | undefined; readonly after: Item | undefined }
  | { readonly reason: Fields };

/** Answers TransactWriteItems. */
export async function transactWrite(call: Call): Promise<Fields> {
  const { realm, request } = call;
  const actions = readActions(realm, listIn(request, "TransactItems"), WRITES);
  const locks = actions.map(({ table, key }) => itemLock(table, key));
  if (new Set(locks).size < locks.length) throw refuse("transactionTwice");
  checkSize(actions);
  const asked = JSON.stringify(request["TransactItems"]);
  return realm.transactions.once(textIn(request, "ClientRequestToken"), asked, () =>
    realm.locks.hold(locks, () => writeAll(realm, actions, request)),
  );
}

/** What an action is rehearsed as; a check is a delete that is not done. */
const NAMES = {
  Put: "PutItem",
  Update: "UpdateItem",
  Delete: "DeleteItem",
  ConditionCheck: "DeleteItem",
  Get: "GetItem",
} as const;

const WRITES = ["ConditionCheck", "Put", "Update", "Delete"] as const;

function checkSize(actions: readonly TransactionAction[]): void {
  const bytes = actions.reduce((sum, { request }) => sum + itemBytes(fieldsIn(request, "Item")), 0);
  if (bytes > itemBounds.transactionBytes) throw refuse("transactionSize");
}

async function writeAll(
  realm: Realm,
  actions: readonly TransactionAction[],
  request: Fields,
): Promise<Fields> {
  const outcomes: Outcome[] = [];
  for (const action of actions) outcomes.push(await rehearsed(realm, action));
  if (outcomes.some((outcome) => "reason" in outcome)) throw cancelled(outcomes);
  for (const [index, action] of actions.entries()) await apply(realm, action, outcomes[index]);
  const nowMs = realm.clock.nowMs();
  for (const [index, { table, kind }] of actions.entries()) {
    const outcome = outcomes[index];
    if (outcome === undefined || "reason" in outcome || kind === "ConditionCheck") continue;
    table.stream?.append(outcome, nowMs);
  }
  return capacityOf(actions, outcomes, request);
}

function cancelled(outcomes: readonly Outcome[]): Refusal {
  const reasons = outcomes.map((each) => ("reason" in each ? each.reason : { Code: "None" }));
  const codes = reasons.map((reason) => String(reason["Code"])).join(", ");
  const { code, message, status } = refuse("transactionCancelled", { codes });
  return new Refusal(code, message, status, { CancellationReasons: reasons });
}

async function rehearsed(realm: Realm, action: TransactionAction): Promise<Outcome> {
  const { table, key, kind, request } = action;
  const { rehearsal } = realm;
  await makeTwin(realm, action);
  const before = await realm.engine.read(table.name, key);
  if (before === undefined) await rehearsal.call("DeleteItem", { TableName: table.name, Key: key });
  else await rehearsal.call("PutItem", { TableName: table.name, Item: before });
  try {
    await rehearsal.call(NAMES[kind], { ...request, TableName: table.name });
  } catch (error) {
    return { reason: reasonOf(error, request, before) };
  }
  const after = kind === "ConditionCheck" ? before : await rehearsal.read(table.name, key);
  return { before, after };
}

/** Why an action cancels its transaction; a request that is wrong in itself is refused as a whole. */
function reasonOf(error: unknown, request: Fields, before: Item | undefined): Fields {
  if (!(error instanceof EngineRefusal) || error.early) throw error;
  if (!isConditionFailure(error)) return { Code: "ValidationError", Message: error.message };
  const isAsked = textIn(request, "ReturnValuesOnConditionCheckFailure") === "ALL_OLD";
  const item = isAsked && before !== undefined ? { Item: before } : {};
  return { Code: "ConditionalCheckFailed", Message: "The conditional request failed", ...item };
}

async function makeTwin({ rehearsal }: Realm, { table }: TransactionAction): Promise<void> {
  const described = async (): Promise<boolean> => {
    const answer = await rehearsal
      .call("DescribeTable", { TableName: table.name })
      .catch(whereRefusedAs("ResourceNotFoundException"));
    return isFields(answer?.["Table"]) && answer["Table"]["TableStatus"] === "ACTIVE";
  };
  // Another transaction may be making it at this moment, or one of this name may be going.
  while (!(await described())) {
    await rehearsal
      .call("CreateTable", table.creation)
      .catch(whereRefusedAs("ResourceInUseException"));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

async function apply(
  realm: Realm,
  { table, key, kind }: TransactionAction,
  outcome: Outcome | undefined,
): Promise<void> {
  if (outcome === undefined || "reason" in outcome || kind === "ConditionCheck") return;
  if (outcome.after !== undefined) {
    await realm.engine.call("PutItem", { TableName: table.name, Item: outcome.after });
  } else if (outcome.before !== undefined) {
    await realm.engine.call("DeleteItem", { TableName: table.name, Key: key });
  }
}

const UNIT_BYTES = 1_024;

/** Two write units for each begun KiB of the larger image. */
function capacityOf(
  actions: readonly TransactionAction[],
  outcomes: readonly Outcome[],
  request: Fields,
): Fields {
  const asked = textIn(request, "ReturnConsumedCapacity") ?? "NONE";
  if (asked === "NONE") return {};
  const units = new Map<string, number>();
  for (const [index, { table }] of actions.entries()) {
    const outcome = outcomes[index];
    const images =
      outcome === undefined || "reason" in outcome ? [] : [outcome.before, outcome.after];
    const bytes = Math.max(
      1,
      ...images.map((image) => (image === undefined ? 0 : itemBytes(image))),
    );
    units.set(table.name, (units.get(table.name) ?? 0) + 2 * Math.ceil(bytes / UNIT_BYTES));
  }
  const used = [...units].map(([TableName, CapacityUnits]) => ({
    TableName,
    CapacityUnits,
    WriteCapacityUnits: CapacityUnits,
  }));
  return { ConsumedCapacity: used };
}
