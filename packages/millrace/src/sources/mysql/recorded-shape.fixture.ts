import { tableId, type TableShape } from "../../model/table.ts";
import { type RowEventKind, rowEventKind } from "./event-types.ts";
import { RECORDED } from "./recorded-rows.fixture.ts";
import { planRow, type RowPlan } from "./row-plan.ts";
import { decodeTableMap, type TableMap } from "./table-map.ts";
import { logicalType, parseColumnType } from "./types.ts";

/** What a server wrote of a table, and the plan to read it by. */
export interface RecordedRows {
  readonly map: TableMap;
  readonly shape: TableShape;
  readonly plan: RowPlan;
  readonly rows: readonly { readonly kind: RowEventKind; readonly body: Buffer }[];
}

const PLAIN = { tinyint1AsBoolean: false, timeAsInterval: false, geometry: "geojson" } as const;

function shapeOf(columns: Readonly<Record<string, string>>): TableShape {
  const id = tableId("rec", "t");
  return {
    id,
    schema: "rec",
    name: "t",
    identity: id,
    columns: Object.entries(columns).map(([name, sourceType]) => {
      const type = parseColumnType(sourceType);
      if (type === null) throw new Error(`no type: ${sourceType}`);
      return { name, type: logicalType(type, PLAIN), sourceType, nullable: true, ordinal: null };
    }),
    key: [0],
  };
}

/** The recorded events of a server. */
export function recordedRows(flavor: keyof typeof RECORDED): RecordedRows {
  const { columns, events } = RECORDED[flavor];
  const bodies = events.map(([type, body]) => ({ type, body: Buffer.from(body, "hex") }));
  const mapBody = bodies[0]?.body ?? Buffer.alloc(0);
  const map = decodeTableMap(mapBody, 0, mapBody.length, flavor);
  const shape = shapeOf(columns);
  const plan = planRow(map, shape, { zeroDatesAreNull: false });
  if (plan === null) throw new Error("the table map does not fit");
  const rows = bodies.slice(1).map(({ type, body }) => {
    const kind = rowEventKind(type);
    if (kind === null) throw new Error(`no row event: ${type}`);
    return { kind, body };
  });
  return { map, shape, plan, rows };
}
