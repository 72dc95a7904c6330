import { MillraceError } from "../../errors/millrace-error.ts";
import type { Clock, Random } from "../../model/ports.ts";
import {
  batchPage,
  needText,
  recordsPage,
  resourcesPage,
  scanPage,
  streamPage,
} from "./answers.ts";
import type {
  DynamoApi,
  FoundItems,
  Item,
  IteratorStart,
  RecordsPage,
  ScanPage,
  ScanRequest,
  StreamPage,
  TableDescription,
} from "./api.ts";
import { retryOf, type Throttling } from "./call-policy.ts";
import { CallRate } from "./call-rate.ts";
import type { DynamoConnection } from "./config.ts";
import { type AskedCall, faultOf, ownFaultOf, sourceError } from "./errors.ts";
import { toSdkItem } from "./sdk-items.ts";
import { deafDynamoObserver, type DynamoObserver } from "./observer.ts";
import type { ServiceCalls } from "./service-calls.ts";
import { tableDescription } from "./table-description.ts";

/** DescribeStream may be called so often a second, all streams of an account together. Source: Streams API reference. */
const DESCRIBE_STREAM_PER_SECOND = 10;
/** Keys of one BatchGetItem, and names of one page of GetResources. */
const PAGE = 100;
/** An answer of this size may leave keys over for its size. Source: BatchGetItem (1 MB of a partition, 16 MB in all). */
const FULL_BATCH_BYTES = 1_000_000;
/** A search by tags whose pages took too long begins again so often. */
const SEARCHES = 3;

/** What the calls need of the process. */
export interface ApiPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** Hears of every request; nobody does without it. */
  readonly observer?: DynamoObserver;
}

/** A call that is made of one or more requests. */
interface Call extends AskedCall {
  readonly throttling: Throttling;
  readonly signal: AbortSignal | undefined;
}

/**
 * The calls, over the SDK's clients (design/009 "Clients"). One for all tables of a pipeline: it keeps the connections and
 * what AWS allows a caller a second.
 */
export class AwsApi implements DynamoApi {
  readonly #connection: DynamoConnection;
  readonly #ports: ApiPorts;
  readonly #observer: DynamoObserver;
  readonly #streamRate: CallRate;
  readonly #closing = new AbortController();
  readonly #signals = new WeakMap<AbortSignal, AbortSignal>();
  #calls: Promise<ServiceCalls> | null = null;

  constructor(connection: DynamoConnection, ports: ApiPorts) {
    this.#connection = connection;
    this.#ports = ports;
    this.#observer = ports.observer ?? deafDynamoObserver;
    this.#streamRate = new CallRate(DESCRIBE_STREAM_PER_SECOND, ports.clock);
  }

  describeTable(table: string, signal?: AbortSignal): Promise<TableDescription> {
    const call = { action: "dynamodb:DescribeTable", about: `table ${table}`, signal };
    return this.#ask({ ...call, throttling: "wait" }, async (calls, options) =>
      tableDescription((await calls.describeTable(table, options)).body),
    );
  }

  scan(request: ScanRequest, signal?: AbortSignal): Promise<ScanPage> {
    const { table, segment, segments, startKey, limit, consistent } = request;
    const input = {
      TableName: table,
      Segment: segment,
      TotalSegments: segments,
      ConsistentRead: consistent,
      ReturnConsumedCapacity: "TOTAL" as const,
      ...(limit === undefined ? {} : { Limit: limit }),
      ...(startKey === null ? {} : { ExclusiveStartKey: toSdkItem(startKey) }),
    };
    const call = { action: "dynamodb:Scan", about: `table ${table}`, signal };
    return this.#ask({ ...call, throttling: "tell" }, async (calls, options) => {
      const { body, bytes, timeMs } = await calls.scan(input, options);
      const page = scanPage(body, { bytes, timeMs: timeMs ?? this.#ports.clock.now() });
      this.#observer.readUnits(table, page.units);
      return page;
    });
  }

  async getItems(
    table: string,
    keys: readonly Item[],
    { signal, attributes }: Parameters<DynamoApi["getItems"]>[2] = {},
  ): Promise<FoundItems> {
    const call = { action: "dynamodb:BatchGetItem", about: `table ${table}`, signal };
    const items: Item[] = [];
    let units = 0;
    let isThrottled = false;
    // A request that names a key twice is refused as a whole.
    let left: readonly Item[] = [
      ...new Map(keys.map((key) => [JSON.stringify(key), key])).values(),
    ];
    for (let empty = 0; left.length > 0;) {
      const asked = left.slice(0, PAGE);
      const input = {
        RequestItems: { [table]: batchOf(asked, attributes) },
        ReturnConsumedCapacity: "TOTAL" as const,
      };
      const page = await this.#ask({ ...call, throttling: "wait" }, async (calls, options) => {
        const { body, bytes } = await calls.batchGetItem(input, options);
        return { ...batchPage(body, table), bytes };
      });
      items.push(...page.items);
      units += page.units;
      this.#observer.readUnits(table, page.units);
      left = [...left.slice(PAGE), ...page.left];
      empty = page.left.length === asked.length ? empty + 1 : 0;
      if (page.left.length > 0 && page.bytes < FULL_BATCH_BYTES) isThrottled = true;
      if (page.left.length > 0) await this.#pause(50 * 2 ** Math.min(empty, 6), signal);
    }
    return { items, units, isThrottled };
  }

  async describeStream(
    stream: string,
    { after, childrenOf, signal }: Parameters<DynamoApi["describeStream"]>[1] = {},
  ): Promise<StreamPage> {
    const input = {
      StreamArn: stream,
      ...(after === null || after === undefined ? {} : { ExclusiveStartShardId: after }),
      ...(childrenOf === undefined
        ? {}
        : { ShardFilter: { Type: "CHILD_SHARDS" as const, ShardId: childrenOf } }),
    };
    const urgency = childrenOf === undefined ? "regular" : "urgent";
    const call = { action: "dynamodb:DescribeStream", about: `stream ${stream}`, signal };
    return this.#ask({ ...call, throttling: "wait" }, async (calls, options) => {
      await this.#streamRate.turn(urgency, options.abortSignal);
      const { body, timeMs } = await calls.describeStream(input, options);
      return streamPage(body, timeMs ?? this.#ports.clock.now());
    });
  }

  shardIterator(
    stream: string,
    shard: string,
    start: IteratorStart,
    signal?: AbortSignal,
  ): Promise<string> {
    const input = {
      StreamArn: stream,
      ShardId: shard,
      ShardIteratorType: start.at,
      ...("sequence" in start ? { SequenceNumber: start.sequence } : {}),
    };
    const about = `shard ${shard} of ${stream}`;
    const call = { action: "dynamodb:GetShardIterator", about, signal };
    return this.#ask({ ...call, throttling: "wait" }, async (calls, options) => {
      const { body } = await calls.getShardIterator(input, options);
      return needText(body["ShardIterator"], "ShardIterator");
    });
  }

  records(
    iterator: string,
    { limit, signal }: Parameters<DynamoApi["records"]>[1] = {},
  ): Promise<RecordsPage> {
    const input = { ShardIterator: iterator, ...(limit === undefined ? {} : { Limit: limit }) };
    const call = { action: "dynamodb:GetRecords", about: null, signal };
    return this.#ask({ ...call, throttling: "tell" }, async (calls, options) => {
      const { body, bytes, timeMs } = await calls.getRecords(input, options);
      return recordsPage(body, { bytes, timeMs: timeMs ?? this.#ports.clock.now() });
    });
  }

  async taggedTables(
    tags: Parameters<DynamoApi["taggedTables"]>[0],
    signal?: AbortSignal,
  ): Promise<readonly string[]> {
    for (let search = 1; ; search++) {
      try {
        return await this.#search(tags, signal);
      } catch (error) {
        const code = error instanceof MillraceError ? error.facts["aws"] : null;
        if (code !== "PaginationTokenExpiredException" || search === SEARCHES) throw error;
      }
    }
  }

  account(signal?: AbortSignal): Promise<string> {
    const call = { action: "sts:GetCallerIdentity", about: null, signal };
    return this.#ask({ ...call, throttling: "wait" }, (calls, options) =>
      calls.callerAccount(options),
    );
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error("the source is closed"));
    const calls = await this.#calls?.catch(() => null);
    calls?.destroy();
  }

  async #search(
    tags: Parameters<DynamoApi["taggedTables"]>[0],
    signal: AbortSignal | undefined,
  ): Promise<readonly string[]> {
    const filters = tags.map(({ key, values }) => ({
      Key: key,
      ...(values === undefined ? {} : { Values: [...values] }),
    }));
    const call = { action: "tag:GetResources", about: null, signal };
    const names = new Set<string>();
    let token: string | null = null;
    do {
      const input = {
        ResourceTypeFilters: ["dynamodb:table"],
        TagFilters: filters,
        ResourcesPerPage: PAGE,
        ...(token === null ? {} : { PaginationToken: token }),
      };
      const page: ReturnType<typeof resourcesPage> = await this.#ask(
        { ...call, throttling: "wait" },
        async (calls, options) => resourcesPage((await calls.getResources(input, options)).body),
      );
      for (const table of page.tables) names.add(table);
      token = page.next;
    } while (token !== null);
    return [...names];
  }

  async #ask<T>(
    call: Call,
    send: (calls: ServiceCalls, options: { readonly abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const abortSignal = this.#signalOf(call.signal);
    for (let attempt = 0; ; attempt++) {
      abortSignal.throwIfAborted();
      const calls = await this.#loaded();
      try {
        const answer = await send(calls, { abortSignal });
        this.#observer.requested(operationOf(call), "ok");
        return answer;
      } catch (thrown) {
        // What a closing cut short is no failure of the service.
        abortSignal.throwIfAborted();
        const own = ownFaultOf(thrown, call);
        if (own !== null) throw own;
        const fault = faultOf(thrown);
        this.#observer.requested(operationOf(call), fault.kind);
        const retry = retryOf(fault.kind, attempt, call.throttling);
        if (retry === null) throw sourceError(fault, call);
        if (retry.renew) calls.renewCredentials();
        await this.#pause(retry.ceilingMs, abortSignal);
      }
    }
  }

  /** The caller's together with the closing's: made once for each caller, who asks a hundred thousand times with it. */
  #signalOf(signal: AbortSignal | undefined): AbortSignal {
    if (signal === undefined) return this.#closing.signal;
    const known = this.#signals.get(signal);
    if (known !== undefined) return known;
    const made = AbortSignal.any([signal, this.#closing.signal]);
    this.#signals.set(signal, made);
    return made;
  }

  #pause(ceilingMs: number, signal: AbortSignal | undefined): Promise<void> {
    const { clock, random } = this.#ports;
    if (ceilingMs === 0) return Promise.resolve();
    return clock.sleep(Math.ceil(ceilingMs * (0.25 + 0.75 * random())), signal);
  }

  /** The SDK is loaded with the first call: who only reads a file does not wait for it. */
  #loaded(): Promise<ServiceCalls> {
    this.#calls ??= import("./service-calls.ts").then(
      (module) => new module.ServiceCalls(this.#connection, this.#ports.clock),
    );
    return this.#calls;
  }
}

/** As the service calls it: `Scan` of `dynamodb:Scan`. */
function operationOf({ action }: AskedCall): string {
  return action.slice(action.indexOf(":") + 1);
}

function batchOf(keys: readonly Item[], attributes: readonly string[] | undefined) {
  const plain = { Keys: keys.map(toSdkItem), ConsistentRead: true };
  if (attributes === undefined) return plain;
  // Names may be words of the expression language: each is told by a placeholder.
  const names = Object.fromEntries(attributes.map((name, index) => [`#${index}`, name]));
  return {
    ...plain,
    ExpressionAttributeNames: names,
    ProjectionExpression: Object.keys(names).join(", "),
  };
}
