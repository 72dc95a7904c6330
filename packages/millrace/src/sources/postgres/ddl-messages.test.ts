import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DdlMessages, type DdlNews, readNews } from "./ddl-messages.ts";
import { DDL_PIECE_PREFIX, DDL_PREFIX } from "./ddl-trigger-sql.ts";

const TABLE = {
  oid: "16400",
  schema: "public",
  name: "t",
  relkind: "r",
  identity: "d",
  leafIdentities: null,
  primaryKey: [1],
  identityIndex: null,
};

function column(ordinal: number, name: string, more: object = {}): object {
  const flags = { nullable: true, generated: false, virtual: false, logged: true, filled: false };
  const type = { sourceType: "integer", formatted: "integer", typeName: "int4", typmod: -1 };
  const kind = { typeKind: "b", builtIn: true, array: false, cast: "pg_catalog.int4" };
  return { table: "16400", name, ordinal, ...flags, ...type, ...kind, ...more };
}

function text(publications: readonly object[] = []): string {
  const columns = [column(1, "id"), column(2, "a"), column(4, "g", { generated: true })];
  return JSON.stringify({ kind: "shape", table: TABLE, columns, publications });
}

const KEY = "a key";

const TRANSACTION = "4294967296745@0/16B3748";

/** What the trigger writes of a document. */
function sealed(document: string, key = KEY, xid = "4294967296745"): Buffer {
  const digest = (content: string) =>
    createHash("sha256")
      .update(key + content)
      .digest("hex");
  return Buffer.from(`${document}\n${digest(digest(`${xid}\n${document}`))}`);
}

/** Within a transaction. */
function open(key: string | null = KEY): DdlMessages {
  const messages = new DdlMessages("ours", key);
  messages.begin(TRANSACTION);
  return messages;
}

const namesIn = (document: string): unknown => {
  const news = readNews(document, "ours");
  return news.kind === "shape" ? news.shape.columns.map(({ name }) => name) : news.kind;
};

const message = (prefix: string, content: string | Buffer, isTransactional = true) => ({
  prefix,
  content: Buffer.from(content),
  isTransactional,
  lsn: 1,
});

describe("a message about a schema change", () => {
  it("is the shape of its place, without the columns that our publication leaves out", () => {
    expect(namesIn(text())).toEqual(["id", "a", "g"]);
    const list = { name: "ours", columns: [1, 4], generated: null };
    expect(namesIn(text([{ ...list, name: "theirs" }, list]))).toEqual(["id", "g"]);
    expect(namesIn(text([{ name: "ours", columns: null, generated: "n" }]))).toEqual(["id", "a"]);
    expect(namesIn(text([{ name: "ours", columns: null, generated: "s" }]))).toEqual([
      "id",
      "a",
      "g",
    ]);
  });

  it("that is anything else than the trigger writes is told as lost, and throws nothing", () => {
    const whole: unknown = JSON.parse(text([{ name: "ours", columns: null, generated: null }]));
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json(), damaged(whole)), (junk) => {
        expect(readNews(junk, "ours")).toEqual({ kind: "lost" });
      }),
      { numRuns: 500 },
    );
  });

  it("comes in pieces, however they are cut, and never from two transactions", () => {
    const bytes = sealed(text().replace('"a"', '"\u00e4\u{1f600}"'));
    for (let cut = 1; cut < bytes.length; cut += 7) {
      const messages = open();
      expect(messages.take(message(DDL_PIECE_PREFIX, "left over"))).toBeNull();
      messages.begin(TRANSACTION);
      expect(messages.take(message(DDL_PIECE_PREFIX, bytes.subarray(0, cut)))).toBeNull();
      expect(messages.take(message("other", "between"))).toBeNull();
      expect(messages.take(message(DDL_PREFIX, bytes.subarray(cut)))?.kind).toBe("shape");
      expect(messages.take(message(DDL_PREFIX, sealed(text())))?.kind).toBe("shape");
    }
  });

  it("outside of a transaction, or with another prefix, is none", () => {
    const messages = open();
    expect(messages.take(message(DDL_PREFIX, sealed(text()), false))).toBeNull();
    expect(messages.take(message(`${DDL_PREFIX}.`, ""))).toBeNull();
    expect(messages.take(message("millrace", ""))).toBeNull();
  });

  it("that is not sealed with the trigger's key for its transaction is none, whatever it says", async () => {
    const messages = open();
    const whole = sealed(text());
    const forged = [
      text(),
      "",
      "\n",
      sealed(text(), "another key"),
      `${text()}\n${"0".repeat(64)}`,
      sealed(text(), KEY, "745"),
      sealed(text(), KEY, "4294967296746"),
      Buffer.concat([Buffer.from(" "), whole]),
      whole.subarray(0, -1),
    ];
    for (const one of forged) expect(await taken(messages, one)).toBeNull();
    expect(messages.take(message(DDL_PREFIX, whole))?.kind).toBe("shape");
    expect(await taken(open(null), whole)).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (junk) => {
        expect(messages.take(message(DDL_PREFIX, Buffer.from(junk)))).toBeNull();
      }),
    );
  });

  it("of more pieces than any table has is none and not held", () => {
    const messages = open();
    const piece = message(DDL_PIECE_PREFIX, Buffer.alloc(1_000_000, "x"));
    for (let n = 0; n < 40; n += 1) expect(messages.take(piece)).toBeNull();
    expect(messages.take(message(DDL_PREFIX, sealed(text())))).toBeNull();
    expect(messages.take(message(DDL_PREFIX, sealed(text())))?.kind).toBe("shape");
  });
});

/** What a message comes to, with the key asked for again where its seal is another's. */
async function taken(messages: DdlMessages, content: string | Buffer): Promise<DdlNews | null> {
  const said = messages.take(message(DDL_PREFIX, content));
  return said?.kind === "unread" ? messages.readAgain(said) : said;
}

/** The document with one field of it, at any depth, gone or of another type. */
function damaged(whole: unknown): fc.Arbitrary<string> {
  const paths = pathsIn(whole).filter((path) => !path.join(".").startsWith("publications.0.name"));
  return fc
    .tuple(fc.constantFrom(...paths), fc.constantFrom(undefined, {}, 1.5))
    .map(([path, value]) => {
      const copy: unknown = structuredClone(whole);
      let at: unknown = copy;
      for (const step of path.slice(0, -1)) at = Reflect.get(Object(at), step);
      Reflect.set(Object(at), path.at(-1) ?? "", value);
      return JSON.stringify(copy);
    });
}

function pathsIn(value: unknown): string[][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    [key],
    ...pathsIn(inner).map((rest) => [key, ...rest]),
  ]);
}
