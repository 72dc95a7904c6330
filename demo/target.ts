// Where the shop is copied to, and how it is compared with that at the end.
import { startDsqlLocal } from "dsql-local";
import { verifyPipeline } from "millrace";
import type { SinkKind } from "./arguments.ts";
import { ShopTopics } from "./shop-topics.ts";
import type { Screen } from "./screen.ts";
import type { SourceShop } from "./source-shop.ts";

/** Servers of this machine that the shop is copied to. */
export interface DemoTarget {
  /** `DSQL`, … */
  readonly server: string;
  /** As clients take it, so that one can look into it meanwhile. */
  readonly address: string;
  /** The command that shows what is there, where that is not plain. */
  look(shop: SourceShop): Promise<string | null>;
  /** The command that makes a place for what one writes oneself, where that does not come by itself. */
  make(): Promise<string | null>;
  /** As `loadPipeline` takes it. */
  pipelineFrom(shop: SourceShop): Promise<string | object>;
  /** Tells whether everything arrived, after so many changes. */
  verify(
    shop: SourceShop,
    description: string | object,
    screen: Screen,
    changes: number,
  ): Promise<boolean>;
  stop(): Promise<void>;
}

/** What they are called before they run. */
export const TARGETS: Readonly<Record<SinkKind, string>> = {
  dsql: "a local Aurora DSQL",
  kafka: "a Kafka broker",
};

/** Starts them. */
export function openTarget(kind: SinkKind): Promise<DemoTarget> {
  return kind === "dsql" ? dsqlTarget() : kafkaTarget();
}

async function dsqlTarget(): Promise<DemoTarget> {
  const dsql = await startDsqlLocal({ auth: "trust", tls: "on" });
  return {
    server: "DSQL",
    address: `postgresql://${dsql.user}@${dsql.host}:${dsql.port}/${dsql.database}?sslmode=require`,
    look: async () => null,
    make: async () => null,
    pipelineFrom: (shop) => shop.pipelineTo(dsql),
    async verify(_shop, description, screen, changes) {
      screen.say("Verifying source against target, row by row …");
      const { equal, tables } = await verifyPipeline(description, { maxRowsNamed: 10 });
      const rows = tables.reduce((sum, table) => sum + table.sourceRows, 0);
      const of = `${rows.toLocaleString("en-US")} rows in ${tables.length} tables`;
      return tellVerdict(screen, of, { equal, rows, changes, tables });
    },
    stop: () => dsql.stop(),
  };
}

async function kafkaTarget(): Promise<DemoTarget> {
  const topics = await ShopTopics.open();
  const { address } = topics;
  return {
    server: "Kafka",
    address,
    make: () => topics.make(),
    look: ({ inTopics }) => topics.look(inTopics),
    pipelineFrom: ({ inTopics }) => topics.pipelineFrom(inTopics),
    async verify(shop, _description, screen, changes) {
      screen.say("Reading the topics, and comparing their keys with the tables …");
      const tables = await topics.compare(shop.inTopics);
      const equal = tables.every((table) => table.equal);
      for (const { topic, table, messages, rows } of tables)
        screen.say(
          `  ${table} → ${topic}: ${messages.toLocaleString("en-US")} messages, ${rows.toLocaleString("en-US")} rows are there`,
        );
      const rows = tables.reduce((sum, table) => sum + table.rows, 0);
      const of = `the keys of ${rows.toLocaleString("en-US")} rows in ${tables.length} topics`;
      return tellVerdict(screen, of, { equal, rows, changes, tables });
    },
    stop: () => topics.stop(),
  };
}

interface Verdict {
  readonly equal: boolean;
  readonly rows: number;
  readonly changes: number;
  readonly tables: readonly object[];
}

/** `of` names what was compared. */
function tellVerdict(screen: Screen, of: string, told: Verdict): boolean {
  screen.say(`${verdict(told.equal)}: ${of}, after ${changed(told.changes)}.`, { ...told });
  return told.equal;
}

function verdict(equal: boolean): string {
  return equal ? "EQUAL" : "DIFFERENT";
}

function changed(changes: number): string {
  return `${changes.toLocaleString("en-US")} changes while it ran`;
}
