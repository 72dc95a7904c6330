import {
  BatchGetItemCommand,
  type BatchGetItemInput,
  DescribeTableCommand,
  DynamoDBClient,
  ScanCommand,
  type ScanInput,
} from "@aws-sdk/client-dynamodb";
import {
  DescribeStreamCommand,
  type DescribeStreamInput,
  DynamoDBStreamsClient,
  GetRecordsCommand,
  type GetRecordsInput,
  GetShardIteratorCommand,
  type GetShardIteratorInput,
} from "@aws-sdk/client-dynamodb-streams";
import {
  GetResourcesCommand,
  type GetResourcesInput,
  ResourceGroupsTaggingAPIClient,
} from "@aws-sdk/client-resource-groups-tagging-api";
import { GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import type { Clock } from "../../model/ports.ts";
import type { DynamoConnection } from "./config.ts";
import { Credentials, keySource } from "./credentials.ts";
import { RAW_STEP, RawAnswer, rawStep } from "./raw-answer.ts";
import { RecordCalls } from "./record-calls.ts";
import { ServiceFault } from "./service-fault.ts";
import { WAY_STEP, wayStep } from "./signed-way.ts";

/** Connections to one service at once: readers of shards wait for their answers side by side. */
const MAX_SOCKETS = 256;

/** Options of a call. */
interface Aborted {
  readonly abortSignal?: AbortSignal;
}

/**
 * One request each, signed by the SDK's clients and answered as it came. Nothing is tried again here, by the SDK neither:
 * who asks knows what a refusal means. The SDK is loaded with this file, which takes a while; so it is loaded when a
 * source of this kind is there.
 */
export class ServiceCalls {
  readonly #dynamodb: DynamoDBClient;
  readonly #streams: DynamoDBStreamsClient;
  readonly #tagging: ResourceGroupsTaggingAPIClient;
  readonly #sts: STSClient;
  readonly #credentials: Credentials;
  readonly #records: RecordCalls;

  constructor(connection: DynamoConnection, clock: Clock) {
    this.#credentials = new Credentials(keySource(connection), clock);
    const { endpoints } = connection;
    const shared = { ...sharedOptions(connection), credentials: this.#credentials.provider };
    this.#dynamodb = new DynamoDBClient({ ...shared, ...at(endpoints.dynamodb) });
    this.#streams = new DynamoDBStreamsClient({ ...shared, ...at(endpoints.streams) });
    this.#tagging = new ResourceGroupsTaggingAPIClient({ ...shared, ...at(endpoints.tagging) });
    this.#sts = new STSClient({ ...shared, ...at(endpoints.sts) });
    this.#dynamodb.middlewareStack.add(rawStep, RAW_STEP);
    this.#streams.middlewareStack.add(rawStep, RAW_STEP);
    this.#tagging.middlewareStack.add(rawStep, RAW_STEP);
    const { connectTimeoutMs, readTimeoutMs } = connection;
    this.#records = new RecordCalls({
      credentials: shared.credentials,
      clock,
      signerClock: this.#streams.config,
      limits: { connectTimeoutMs, readTimeoutMs, maxSockets: MAX_SOCKETS },
    });
    const learn = wayStep((way) => this.#records.learn(way));
    this.#streams.middlewareStack.add(learn, WAY_STEP);
  }

  /** The keys were refused: the next request is signed with what is read anew. */
  renewCredentials(): void {
    this.#credentials.renew();
  }

  describeTable(table: string, options: Aborted): Promise<RawAnswer> {
    return raw(this.#dynamodb.send(new DescribeTableCommand({ TableName: table }), options));
  }

  scan(input: ScanInput, options: Aborted): Promise<RawAnswer> {
    return raw(this.#dynamodb.send(new ScanCommand(input), options));
  }

  batchGetItem(input: BatchGetItemInput, options: Aborted): Promise<RawAnswer> {
    return raw(this.#dynamodb.send(new BatchGetItemCommand(input), options));
  }

  describeStream(input: DescribeStreamInput, options: Aborted): Promise<RawAnswer> {
    return raw(this.#streams.send(new DescribeStreamCommand(input), options));
  }

  getShardIterator(input: GetShardIteratorInput, options: Aborted): Promise<RawAnswer> {
    return raw(this.#streams.send(new GetShardIteratorCommand(input), options));
  }

  getRecords(input: GetRecordsInput, options: Aborted): Promise<RawAnswer> {
    const { abortSignal } = options;
    const asked = this.#records.get(input, abortSignal);
    return asked ?? raw(this.#streams.send(new GetRecordsCommand(input), options));
  }

  getResources(input: GetResourcesInput, options: Aborted): Promise<RawAnswer> {
    return raw(this.#tagging.send(new GetResourcesCommand(input), options));
  }

  /** The account that the credentials belong to; STS answers in XML, which the SDK reads. */
  async callerAccount(options: Aborted): Promise<string> {
    const { Account } = await this.#sts.send(new GetCallerIdentityCommand({}), options);
    if (Account === undefined) throw new ServiceFault("NoAnswer", "STS names no account");
    return Account;
  }

  destroy(): void {
    for (const client of [this.#dynamodb, this.#streams, this.#tagging, this.#sts])
      client.destroy();
    this.#records.destroy();
  }
}

function sharedOptions({ region, connectTimeoutMs, readTimeoutMs }: DynamoConnection) {
  return {
    region,
    maxAttempts: 1,
    retryMode: "standard",
    requestHandler: {
      connectionTimeout: connectTimeoutMs,
      requestTimeout: readTimeoutMs,
      throwOnRequestTimeout: true,
      socketTimeout: readTimeoutMs,
      httpAgent: { maxSockets: MAX_SOCKETS },
      httpsAgent: { maxSockets: MAX_SOCKETS },
    },
  };
}

function at(endpoint: string | null): { readonly endpoint?: string } {
  return endpoint === null ? {} : { endpoint };
}

async function raw(sent: Promise<unknown>): Promise<RawAnswer> {
  const answer = await sent;
  if (answer instanceof RawAnswer) return answer;
  throw new TypeError("the SDK has read an answer by itself");
}
