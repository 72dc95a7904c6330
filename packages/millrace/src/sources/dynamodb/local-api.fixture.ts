import { start, type Started } from "../../../../dynamodb-local/src/testing/clients.ts";
import type { DynamodbLocalOptions } from "../../../../dynamodb-local/src/options.ts";
import { systemClock } from "../../model/ports.ts";
import { AwsApi } from "./aws-api.ts";
import { CONNECTION_DEFAULTS, type DynamoConnection } from "./config.ts";

/** A stand-in, its clients, and the source's way to it. */
export interface LocalApi extends Started {
  readonly api: AwsApi;
  readonly connection: DynamoConnection;
}

/** How a stand-in at this address is reached, with all four services there. */
export function connectionTo(
  url: string,
  more: Partial<DynamoConnection["credentials"]> = {},
): DynamoConnection {
  return {
    ...CONNECTION_DEFAULTS,
    region: "eu-west-1",
    endpoints: { dynamodb: url, streams: url, tagging: url, sts: url },
    credentials: {
      ...CONNECTION_DEFAULTS.credentials,
      keys: { accessKeyId: "test", secretAccessKey: "test", sessionToken: null },
      ...more,
    },
  };
}

/** Calls of ours, of an own connection. */
export function apiOf(connection: DynamoConnection): AwsApi {
  return new AwsApi(connection, { clock: systemClock, random: Math.random });
}

/** Starts a stand-in whose streams begin with one shard; everything ends with the block that it is of. */
export async function startLocalApi(options: DynamodbLocalOptions = {}): Promise<LocalApi> {
  const started = await start(options);
  const connection = connectionTo(started.local.url);
  const api = apiOf(connection);
  return {
    ...started,
    api,
    connection,
    [Symbol.asyncDispose]: async () => {
      await api.close();
      await started[Symbol.asyncDispose]();
    },
  };
}
