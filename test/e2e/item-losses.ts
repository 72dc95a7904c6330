/** What makes a pipeline from DynamoDB lose changes while no process reads: every kind has its tables loaded again. */
import type { Started } from "../../packages/dynamodb-local/src/testing/clients.ts";
import { type ItemTable, type ItemWriter, makeItemTable } from "./item-tables.ts";
import type { Dice } from "./random.ts";

/** How changes are lost: nobody reads for too long; a table gets another stream; or is made anew, which leaves nothing to sweep. */
export type ItemLossKind = "down" | "other-stream" | "remade";

interface LosingLife {
  readonly source: Started;
  readonly writer: ItemWriter;
  readonly tables: readonly ItemTable[];
  readonly dice: Dice;
  /** One of these befalls it. */
  readonly kinds: readonly ItemLossKind[];
}

/** Streams keep their records for 24 hours. */
const DOWN_MS = 30 * 3_600_000;

/** Changes are lost, which any table may be. Gives how, and of which table where it is one alone. */
export async function loseChanges(life: LosingLife): Promise<string> {
  const { source, writer, tables, dice, kinds } = life;
  await steps(life);
  const table = dice.pick(tables);
  const kind = dice.pick(kinds);
  if (kind === "down") {
    source.local.control.shiftClock(DOWN_MS);
    for (const { name } of tables) writer.lost(name);
  } else if (kind === "other-stream") await changeStream(life, table);
  else {
    await source.dynamodb.deleteTable({ TableName: table.name });
    writer.emptied(table.name);
    await makeItemTable(source.dynamodb, table);
    await steps(life);
  }
  await steps(life);
  return kind === "down" ? kind : `${kind} of ${table.name}`;
}

async function changeStream(life: LosingLife, { name: TableName }: ItemTable): Promise<void> {
  const { dynamodb } = life.source;
  await dynamodb.updateTable({ TableName, StreamSpecification: { StreamEnabled: false } });
  // No stream tells of these.
  await steps(life);
  life.writer.lost(TableName);
  const on = { StreamEnabled: true, StreamViewType: "NEW_AND_OLD_IMAGES" } as const;
  await dynamodb.updateTable({ TableName, StreamSpecification: on });
}

async function steps({ writer, dice }: LosingLife): Promise<void> {
  for (let left = dice.between(20, 60); left > 0; left--) await writer.step();
}
