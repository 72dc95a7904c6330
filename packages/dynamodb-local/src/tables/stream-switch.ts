/** Enabling and disabling the stream of a table. */
import type { Throughput } from "../capacity/throttle.ts";
import { textIn, type Fields } from "../json.ts";
import type { Realm } from "../realm.ts";
import { refuse } from "../rules/table.ts";
import { VIEW_TYPES, type ViewType } from "../streams/record.ts";
import { Stream } from "../streams/stream.ts";
import type { Table } from "./table.ts";

/** What one partition carries, and how many an on-demand table begins with. */
const PARTITION = { read: 3_000, write: 1_000, onDemand: 4 } as const;

/** The view type of a StreamSpecification. Throws a Refusal where it is none. */
export function viewTypeIn(specification: Fields): ViewType | undefined {
  const value = textIn(specification, "StreamViewType");
  if (value === undefined) return undefined;
  const found = VIEW_TYPES.find((viewType) => viewType === value);
  if (found === undefined) throw refuse("viewType", { value });
  return found;
}

/** Gives a table a new stream, with an ARN that no stream had before. */
export function enableStream(
  realm: Realm,
  table: Table,
  viewType: ViewType,
  throughput: Throughput,
): void {
  const createdMs = realm.clock.nowMs();
  const label = labelFor(realm, table, createdMs);
  const stream = new Stream({
    arn: `${table.arn}/stream/${label}`,
    label,
    tableName: table.name,
    createdMs,
    region: realm.region,
    keyNames: table.keyNames,
    viewType,
    shards: realm.settings.shards ?? partitionsFor(throughput),
    random: realm.settings.random,
  });
  realm.addStream(stream);
  table.stream = stream;
  table.latest = stream;
  table.updatingUntilMs = Date.now() + realm.settings.stateMs;
}

/** Answers the part of UpdateTable that is about streams. Throws a Refusal. */
export function switchStream(
  realm: Realm,
  table: Table,
  specification: Fields,
  throughput: Throughput,
): void {
  const view = viewTypeIn(specification);
  if (specification["StreamEnabled"] === true) {
    if (view === undefined) throw refuse("enableWithoutView");
    if (table.stream !== undefined) throw refuse("streamEnabledAlready", { table: table.name });
    enableStream(realm, table, view, throughput);
    return;
  }
  if (view !== undefined) throw refuse("disableWithView");
  if (table.stream === undefined) throw refuse("noStreamToDisable", { table: table.name });
  table.stream.disable(realm.clock.nowMs());
  table.stream = undefined;
  table.updatingUntilMs = Date.now() + realm.settings.stateMs;
}

/** The time in milliseconds; one later where a stream of this millisecond is there already. */
function labelFor(realm: Realm, table: Table, ms: number): string {
  const label = new Date(ms).toISOString().slice(0, -1);
  return realm.stream(`${table.arn}/stream/${label}`) === undefined
    ? label
    : labelFor(realm, table, ms + 1);
}

function partitionsFor({ read, write }: Throughput): number {
  if (!read && !write) return PARTITION.onDemand;
  return Math.ceil((read ?? 0) / PARTITION.read + (write ?? 0) / PARTITION.write);
}
