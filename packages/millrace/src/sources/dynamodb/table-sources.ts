import type { ConnectorContext, Source } from "../../model/source.ts";
import type { DynamoApi } from "./api.ts";
import { AwsApi } from "./aws-api.ts";
import { SharedRoom } from "./byte-room.ts";
import { deafDynamoObserver, type DynamoObserver } from "./observer.ts";
import type { DynamoSourceOptions } from "./options.ts";
import { DynamoSource } from "./source.ts";

/** What was read of all tables' streams and is not given yet, bytes of answers (I10). */
const ROOM_BYTES = 32 * 1_048_576;

/** What the tables of a pipeline are read with. */
export interface TableSources {
  /** One for all of them: whoever made these closes it. */
  readonly api: DynamoApi;
  /** The source of one table; opens nothing. */
  readonly open: (table: string) => Source;
}

/** Over AWS, as the options say. */
export function tableSources(
  options: DynamoSourceOptions,
  context: ConnectorContext,
  observer: DynamoObserver = deafDynamoObserver,
): TableSources {
  const api = new AwsApi(options.connection, { ...context, observer });
  const room = new SharedRoom(ROOM_BYTES);
  const {
    columns,
    connection: { region },
  } = options;
  return {
    api,
    open: (table) =>
      new DynamoSource({ table, region, api, room, options, columns, observer }, context),
  };
}
