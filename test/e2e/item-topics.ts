/** Items of a table beside the topic that tells of them, in the records of Trustpilot's connector. */
import type { DynamoDB } from "../../packages/dynamodb-local/src/testing/clients.ts";
import { consumedMessages } from "./console-consumer.ts";
import { linesOf, without } from "./item-comparison.ts";
import { canonicalItem, type ItemWriter, itemsOf, type TestItem } from "./item-tables.ts";

interface Envelope {
  readonly op: "r" | "c" | "u" | "d";
  /** JSON with types in lower case. */
  readonly document: string;
  readonly source: { readonly init_sync_start: number };
}

/** What a key was told last. */
interface Told {
  readonly document: string;
  readonly generation: number;
}

/**
 * What is wrong: keys fold to other items, a change that was written is not told exactly once, or not in the order of its
 * key. Where changes were lost, those may be told or not, and rows that the newest generation has not told are gone.
 */
export async function wrongTopic(
  dynamodb: DynamoDB,
  writer: Pick<ItemWriter, "written" | "deleted" | "losses">,
  {
    table,
    bootstrap,
    topic,
  }: { readonly table: string; readonly bootstrap: string; readonly topic: string },
): Promise<readonly string[]> {
  const messages = await consumedMessages(bootstrap, topic);
  const last = new Map<string, Told>();
  const told: number[] = [];
  const wrong: string[] = [];
  const late: string[] = [];
  const newest = new Map<string, number>();
  let deletes = 0;
  for (const { key, value } of messages) {
    // Without both it says that a generation is whole.
    if (key === null && value !== null) wrong.push(`${table}: a message without a key`);
    if (key === null || value === null) continue;
    const { op, document, source } = JSON.parse(value) as Envelope;
    if (op === "d") {
      deletes++;
      last.delete(key);
      continue;
    }
    last.set(key, { document, generation: source.init_sync_start });
    const { w } = JSON.parse(document) as { readonly w: { readonly n: string } };
    if (op === "r") continue;
    told.push(Number(w.n));
    if (Number(w.n) <= (newest.get(key) ?? 0)) late.push(`${key} tells ${w.n}`);
    newest.set(key, Number(w.n));
  }
  const items = (await itemsOf(dynamodb, table)).map((item) => canonicalItem(lowered(item)));
  const wholeGeneration = Math.max(...[...last.values()].map(({ generation }) => generation));
  const folded = [...last.values()].flatMap(({ document, generation }) =>
    generation === wholeGeneration ? [canonicalItem(JSON.parse(document))] : [],
  );
  const numbers = (of: readonly number[]): string[] => of.map(String);
  const written = writer.written.get(table) ?? [];
  const deleted = writer.deleted.get(table) ?? 0;
  const lost = writer.losses.get(table) ?? { upTo: 0, deleted: 0 };
  const certain = written.filter((w) => w > lost.upTo);
  return [
    ...wrong,
    ...linesOf(`${table}: too late`, late),
    ...linesOf(`${table}: not in the topic`, without(items, folded)),
    ...linesOf(`${table}: not at the source`, without(folded, items)),
    ...linesOf(`${table}: not told`, without(numbers(certain), numbers(told))),
    ...linesOf(`${table}: told twice`, without(numbers(told), numbers(written))),
    ...(deletes <= deleted && deletes >= deleted - lost.deleted
      ? []
      : [
          `${table}: ${deletes} deletes are told of ${deleted}, ${lost.deleted} of them before a loss`,
        ]),
  ];
}

/** As that connector writes it: types in lower case, names of attributes without what Avro forbids at the top. */
function lowered(item: TestItem): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(item).map(([name, value]) => [name, loweredValue(value)]),
  );
}

function loweredValue(value: object): unknown {
  const [[type, inner] = ["", null]] = Object.entries(value).filter(([, one]) => one !== undefined);
  const tag = type.toLowerCase();
  if (type === "L") return { [tag]: (inner as object[]).map(loweredValue) };
  if (type === "M") return { [tag]: lowered(inner as TestItem) };
  return { [tag]: inner as unknown };
}
