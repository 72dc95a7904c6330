/** What Debezium's connectors and Kafka Connect call their options, and what each is here. */

/** An option of Debezium's or of Kafka Connect's that has another name here, or none. */
export interface DebeziumOption {
  /** Its name; `*` stands for any characters. */
  readonly name: string;
  /** What it is here: paths such as `sink.topic`; none where nothing is like it. */
  readonly here: readonly string[];
  /** What else to know; with nothing in `here`, why there is nothing. */
  readonly note: string;
}

/** A part of the page about them. */
export interface DebeziumOptions {
  readonly title: string;
  readonly options: readonly DebeziumOption[];
}

/** By what they are about. Options that have the same name here (`decimal.handling.mode`) are not among them. */
export const DEBEZIUM_OPTIONS: readonly DebeziumOptions[] = [
  {
    title: "The connector and its server",
    options: [
      is("connector.class", ["source.type"], "`postgres`, `mysql` (MariaDB too)"),
      isNone(
        "tasks.max",
        "One process runs a pipeline; `pipeline.parallelism` says how many transactions write at once",
      ),
      is("database.hostname", ["source.hostname"]),
      is("database.port", ["source.port"]),
      is("database.user", ["source.username"]),
      is("database.password", ["source.password"]),
      is(
        "database.dbname",
        ["source.tables"],
        "The first part of each table's name: `shop.public.orders`",
      ),
      is("database.server.id", ["source.server-id"]),
      is("database.server.name", ["sink.topic.prefix"]),
      is("database.sslmode", ["source.ssl-mode"]),
      is("database.ssl.mode", ["source.ssl-mode"]),
      is(
        "database.ssl*",
        ["source.ssl-ca", "source.ssl-cert", "source.ssl-key"],
        "PEM files, no key stores",
      ),
      is("database.query.timeout.ms", ["source.statement.timeout"]),
      is("connect.timeout.ms", ["source.connect.timeout"]),
      isNone("database.initial.statements", "Sessions set what they need themselves"),
      isNone(
        "retriable.restart.connector.wait.ms",
        "A lost connection is made again by itself, for as long as it takes",
      ),
      isNone(
        "errors.max.retries",
        "A lost connection is made again by itself, for as long as it takes",
      ),
      isNone("errors.retry*", "A lost connection is made again by itself, for as long as it takes"),
    ],
  },
  {
    title: "What is captured",
    options: [
      is(
        "table.include.list",
        ["source.tables"],
        "`database.schema.table`, of MySQL `database.table`; regular expressions part by part",
      ),
      is("table.exclude.list", ["source.tables.exclude"]),
      is("schema.include.list", ["source.tables"], "`shop.public.\\.*`"),
      is("schema.exclude.list", ["source.tables.exclude"], "`shop.internal.\\.*`"),
      is("database.include.list", ["source.tables"], "`shop.\\.*`"),
      is("database.exclude.list", ["source.tables.exclude"], "`internal.\\.*`"),
      is("column.exclude.list", ["transform.exclude-columns"]),
      is("column.include.list", ["transform.exclude-columns"], "Name those to leave out"),
      is("column.mask.hash*", ["transform.hash-columns"], "HMAC-SHA-256 under `hash-key`"),
      is("column.mask.with*", ["transform.mask-columns"]),
      isNone("column.truncate.to*", "Values are whole; `transform.mask-columns` hides them"),
      isNone("column.propagate.source.type", "Types that the source names are in no message"),
      isNone("datatype.propagate.source.type", "Types that the source names are in no message"),
      isNone(
        "message.key.columns",
        "Messages have the table's key; `sink.partition.strategy` chooses the partition by some of its columns",
      ),
      isNone(
        "skipped.operations",
        "Every operation is told; `sink.tombstones.on.delete` is about tombstones alone",
      ),
      isNone("include.query", "`source.query` of a message is null"),
      isNone(
        "converters",
        "Values are written by the modes for decimals, times, intervals and bytes alone",
      ),
    ],
  },
  {
    title: "Snapshots and signals",
    options: [
      is(
        "snapshot.mode",
        ["source.scan.startup.mode"],
        "`initial` is the same, `initial_only` is `snapshot`, `no_data` and `never` are `latest-offset`; `when_needed` is `source.on-loss: resync`",
      ),
      isNone(
        "snapshot.include.collection.list",
        "`millrace resync TABLE` loads tables of a running pipeline",
      ),
      is("snapshot.max.threads", ["source.scan.snapshot.parallelism"]),
      is("snapshot.fetch.size", ["source.scan.incremental.snapshot.chunk.size"]),
      is(
        "incremental.snapshot.chunk.size",
        ["source.scan.incremental.snapshot.chunk.size"],
        "Every load goes by chunks, beside the log",
      ),
      isNone(
        "incremental.snapshot*",
        "Every load goes by chunks, beside the log, and needs no table for watermarks",
      ),
      isNone("snapshot.locking.mode", "Loads take no locks"),
      isNone(
        "snapshot.isolation.mode",
        "Loads take no locks, and hold no snapshot for longer than a chunk",
      ),
      isNone("snapshot.select.statement.overrides*", "Tables are loaded whole"),
      isNone("snapshot.delay.ms", "Start `millrace run` when it is time"),
      isNone(
        "signal*",
        "Commands steer a running pipeline: `millrace resync`, `pause`, `resume`, or its HTTP routes",
      ),
      isNone("read.only", "Loads write no watermarks into the source"),
      isNone("min.row.count.to.stream.results", "Rows are always streamed"),
    ],
  },
  {
    title: "Positions, slots and logs",
    options: [
      isNone("offset*", "Positions are committed with the data, at the sink"),
      isNone(
        "schema.history.internal*",
        "The shapes of tables are kept with the positions, at the sink",
      ),
      isNone("database.history*", "The shapes of tables are kept with the positions, at the sink"),
      is("plugin.name", ["source.decoding.plugin.name"], "`pgoutput` alone"),
      is(
        "publication.autocreate.mode",
        ["source.publication.create"],
        "`filtered` is `if-missing`, `disabled` is `never`",
      ),
      isNone("slot.drop.on.stop", "A slot stays until `millrace cleanup`"),
      isNone("slot.max.retries", "A slot that is taken is waited for"),
      isNone("slot.retry.delay.ms", "A slot that is taken is waited for"),
      isNone("slot.stream.params", "The slot is read with what the pipeline needs"),
      isNone("replica.identity.autoset.values", "`ALTER TABLE … REPLICA IDENTITY` at the source"),
      isNone(
        "flush.lsn.source",
        "The slot is confirmed once the sink has the changes, and never before",
      ),
      isNone("lsn.flush*", "The slot is confirmed once the sink has the changes, and never before"),
      isNone("offset.mismatch.strategy", "`source.on-loss` says what a slot that was lost means"),
      isNone("status.update.interval.ms", "The server is told about once a second"),
      isNone("xmin.fetch.interval.ms", "`xmin` of a message is null"),
      isNone("gtid.source*", "The set of GTIDs at the sink holds whatever servers wrote them"),
      isNone("binlog.buffer.size", "A transaction is never looked ahead in"),
      isNone(
        "connect.keep.alive*",
        "A connection that is silent is found and made again (docs/operations/timeouts.md)",
      ),
      isNone(
        "inconsistent.schema.handling.mode",
        "A row that does not fit is an error with its place, and never left out",
      ),
      isNone("enable.time.adjuster", "Years are taken as the server gives them"),
      is(
        "heartbeat.interval.ms",
        ["source.heartbeat.interval", "sink.heartbeat.topic.interval"],
        "A duration with its unit: `5s`",
      ),
      is("heartbeat.topics.prefix", ["sink.heartbeat.topic"]),
      isNone(
        "heartbeat.action.query",
        "An idle PostgreSQL is given a sign of life that needs no table",
      ),
    ],
  },
  {
    title: "Topics and messages",
    options: [
      is("topic.delimiter", ["sink.topic.pattern"]),
      is("topic.naming.strategy", ["sink.topic.pattern"]),
      is("topic.creation.default.partitions", ["sink.topic.partitions"]),
      is("topic.creation.default.replication.factor", ["sink.topic.replication-factor"]),
      is(
        "topic.creation.enable",
        ["sink.create"],
        "`never` where topics are made by somebody else",
      ),
      is("topic.creation*", ["sink.topic.configs"]),
      is("topic.transaction", ["sink.transaction.topic"]),
      is(
        "include.schema.changes",
        ["sink.schema-changes.topic"],
        "At the sink the option of this name is Flink CDC's, a list of schema changes",
      ),
      is("value.converter.schemas.enable", ["sink.debezium-json.include-schema.enabled"]),
      is("key.converter.schemas.enable", ["sink.debezium-json.include-schema.enabled"]),
      is("value.converter.schema.registry.url", ["sink.schema.registry.url"]),
      is("key.converter.schema.registry.url", ["sink.schema.registry.url"]),
      is("value.converter", ["sink.value.format"], "`debezium-json`, `avro`"),
      is("value.converter*", ["sink.value.format", "sink.schema.registry.url"]),
      is("key.converter", ["sink.key.format"], "`json`, `avro`"),
      is("key.converter*", ["sink.key.format"]),
      is("toasted.value.placeholder", ["sink.unavailable.value.placeholder"]),
      isNone("money.fraction.digits", "`money` is the server's own text"),
      isNone("schema.name.adjustment.mode", "Avro's names are made to fit, JSON's are kept"),
      isNone("field.name.adjustment.mode", "Avro's names are made to fit, JSON's are kept"),
      isNone("sanitize.field.names", "Avro's names are made to fit, JSON's are kept"),
      isNone("extended.headers.enabled", "Headers `__debezium.context.*` are not written"),
      is(
        "transforms*",
        ["sink.value.format", "route.sink-table", "transform.exclude-columns"],
        "`plain-json` is the row without envelope, `route` names topics",
      ),
      isNone("predicates*", "`route` and `transform` name the tables that they are for"),
      is("producer.override.compression.type", ["sink.properties.compression.type"]),
      is("producer.compression.type", ["sink.properties.compression.type"]),
      is("producer.override.max.request.size", ["sink.properties.max.request.size"]),
      is(
        "producer*",
        ["sink.batch-size", "sink.flush-interval-ms", "sink.sink.delivery-guarantee"],
        "Batches, acks and idempotence go by these",
      ),
      is(
        "exactly.once.support",
        ["sink.sink.delivery-guarantee"],
        "`exactly-once` unless the file says otherwise",
      ),
      isNone(
        "transaction.boundary*",
        "A transaction of the source is one of Kafka's, up to `sink.transaction.max-bytes`",
      ),
    ],
  },
  {
    title: "Running",
    options: [
      is("max.batch.size", ["sink.batch-size"]),
      is("max.queue.size*", ["pipeline.memory.budget"], "By bytes, not by rows"),
      isNone(
        "poll.interval.ms",
        "Changes are taken as they come; `sink.flush-interval-ms` lets them wait for one another",
      ),
      is(
        "event.processing.failure.handling.mode",
        ["sink.dead-letters"],
        "`fail` is the same; `warn` and `skip` are `park`, which keeps the row",
      ),
      is("errors.tolerance", ["sink.dead-letters"], "`all` is `park`, `none` is `fail`"),
      is("errors.deadletterqueue.topic.name", ["sink.dead-letters.topic"]),
      is("errors.deadletterqueue*", ["sink.dead-letters.topic"]),
      isNone("errors.log*", "Every error is logged, and never a row's values"),
      isNone("notification*", "`millrace run --json` and the HTTP routes tell how tables stand"),
      isNone("custom.metric.tags", "Metrics have the pipeline's name and the table's"),
      isNone(
        "executor.shutdown.timeout.ms",
        "A stop waits for what is under way (docs/operations/timeouts.md)",
      ),
    ],
  },
];

function is(name: string, here: readonly string[], note = ""): DebeziumOption {
  return { name, here, note };
}

function isNone(name: string, note: string): DebeziumOption {
  return { name, here: [], note };
}

const all = DEBEZIUM_OPTIONS.flatMap(({ options }) => options);

/** The option that a key is at Debezium or Kafka Connect; null is a key that is neither's. */
export function debeziumOption(key: string): DebeziumOption | null {
  const found = all.find(({ name }) =>
    name.endsWith("*") ? key.startsWith(name.slice(0, -1)) : name === key,
  );
  return found ?? null;
}

/** What to do with such a key, for an error. */
export function debeziumRemedy(option: DebeziumOption): string {
  const why = option.note.replaceAll("`", "");
  if (option.here.length === 0) return `Take it out. ${why}`;
  const here = namesHere(option, (name) => name);
  return `That is Debezium's name; here it is ${here}${why === "" ? "" : `. ${why}`}`;
}

/** Its options here, those of a section together: `ssl-ca, ssl-cert under source`. */
function namesHere({ here }: DebeziumOption, write: (name: string) => string): string {
  const bySection = Map.groupBy(here, (path) => path.slice(0, path.indexOf(".")));
  const parts = [...bySection].map(([section, paths]) => {
    const names = paths.map((path) => write(path.slice(section.length + 1)));
    return `${names.join(", ")} under ${write(section)}`;
  });
  return parts.join(", ");
}

/** The parts of `docs/reference/from-debezium.md`. */
export function debeziumParts(): string[] {
  return DEBEZIUM_OPTIONS.map(({ title, options }) => {
    const rows = options.map((option) => {
      const here = option.here.length === 0 ? "none" : namesHere(option, (name) => `\`${name}\``);
      return `| \`${option.name}\` | ${here} | ${option.note} |\n`;
    });
    return `## ${title}\n\n| Debezium | here | |\n|---|---|---|\n${rows.join("")}`;
  });
}
