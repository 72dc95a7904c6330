import type mysql from "mysql2/promise";
import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import { timeFor, valuesPerType } from "../../../../../test/support/test-runs.ts";
import { DIFFERENCES, SINGLE_BYTE } from "./charset-tables.ts";
import { charsetOf } from "./charsets.ts";
import { charsetOfCollation } from "./collations.ts";

/** All characters in the long form, one of many otherwise: thousands of literals take the server's parser seconds. */
const STEP = valuesPerType(100) >= 10_000 ? 1 : 61;

/** First bytes and following bytes of characters, by charset; the servers say which of them are any. */
const TWO_BYTES: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  big5: pairs([0xa1, 0xf9], [0x40, 0x7e], [0xa1, 0xfe]),
  sjis: [
    ...pairs([0x81, 0x9f], [0x40, 0x7e], [0x80, 0xfc]),
    ...pairs([0xe0, 0xfc], [0x40, 0x7e], [0x80, 0xfc]),
  ],
  euckr: pairs([0x81, 0xfe], [0x41, 0x5a], [0x61, 0x7a], [0x81, 0xfe]),
  gb2312: pairs([0xa1, 0xf7], [0xa1, 0xfe]),
  gbk: pairs([0x81, 0xfe], [0x40, 0x7e], [0x80, 0xfe]),
  ujis: [...pairs([0xa1, 0xfe], [0xa1, 0xfe]), ...pairs([0x8e, 0x8e], [0xa1, 0xdf])],
};

function pairs(
  [from, to]: readonly [number, number],
  ...seconds: readonly (readonly [number, number])[]
): [number, number][] {
  const all: [number, number][] = [];
  for (let first = from; first <= to; first += 1)
    for (const [low, high] of seconds)
      for (let second = low; second <= high; second += 1) all.push([first, second]);
  return all;
}

function samplesOf(charset: string): Buffer[] {
  const single = Array.from({ length: 256 }, (_, byte) => Buffer.of(byte));
  if (charset in SINGLE_BYTE) return single;
  const family = charset === "cp932" ? "sjis" : charset === "eucjpms" ? "ujis" : charset;
  const two = (TWO_BYTES[family === "gb18030" ? "gbk" : family] ?? []).map((pair) =>
    Buffer.from(pair),
  );
  const ascii = single.slice(0, 0x80);
  if (family === "ujis")
    return [
      ...ascii,
      ...two,
      ...(TWO_BYTES["ujis"] ?? [])
        .filter(([first]) => first !== 0x8e)
        .map((pair) => Buffer.of(0x8f, ...pair)),
    ];
  if (family === "gb18030") return [...ascii, ...two, ...FOUR_BYTES];
  return family === "sjis" ? [...ascii, ...single.slice(0xa1, 0xe0), ...two] : [...ascii, ...two];
}

const FOUR_BYTES = Array.from({ length: 4 * 10 * 126 * 10 }, (_, n) =>
  Buffer.of(
    0x81 + Math.floor(n / 12_600),
    0x30 + (Math.floor(n / 1_260) % 10),
    0x81 + (Math.floor(n / 10) % 126),
    0x30 + (n % 10),
  ),
);

describe.each(mysqlFlavors)("charsets on %s", (flavor) => {
  it(
    "become the text that the server's CONVERT makes of them",
    async () => {
      await using shared = await sharedMysql(flavor);
      await using session = await shared.connect({ rowsAsArray: true });
      const [known] = await session.query<(string | null)[][] & mysql.RowDataPacket[]>(
        "SELECT character_set_name FROM information_schema.character_sets",
      );
      const names = known.map(([name]) => String(name));
      const different: string[] = [];
      for (const name of [...Object.keys(SINGLE_BYTE), ...Object.keys(DIFFERENCES)]) {
        if (!names.includes(name)) continue;
        const samples = samplesOf(name).filter(
          (sample, n) => sample.length === 1 || n % STEP === 0,
        );
        const served = await converted(session, name, samples);
        const charset = charsetOf(name);
        for (const [index, sample] of samples.entries()) {
          const own = charset?.decode(sample, 0, sample.length);
          const server = served[index];
          if (server !== own && server !== null)
            different.push(`${name} ${sample.toString("hex")}: ${own}, not ${server}`);
        }
      }
      expect(different.slice(0, 20)).toEqual([]);
    },
    timeFor(20_000),
  );

  it("are those of their collations", async () => {
    await using shared = await sharedMysql(flavor);
    const names = flavor === "mysql" ? "collation_name" : "full_collation_name";
    const table = flavor === "mysql" ? "collations" : "collation_character_set_applicability";
    const rows = await shared.query(
      `SELECT id AS id, character_set_name AS charset, ${names} AS name FROM information_schema.${table} WHERE id IS NOT NULL`,
    );
    expect(rows.length).toBeGreaterThan(200);
    const wrong = rows.filter(({ id, charset }) => charsetOfCollation(Number(id)) !== charset);
    expect(wrong).toEqual([]);
    for (const { charset } of rows)
      if (charset !== "binary") expect(charsetOf(String(charset)), String(charset)).not.toBeNull();
  });
});

/** What the server makes of each; null where it is none of the charset's characters. */
async function converted(
  session: mysql.Connection,
  charset: string,
  samples: readonly Buffer[],
): Promise<(string | null)[]> {
  await session.query(
    "CREATE TEMPORARY TABLE IF NOT EXISTS samples (n INT PRIMARY KEY, b VARBINARY(4))",
  );
  await session.query("TRUNCATE samples");
  const rows = samples.map((sample, n) => `(${n},x'${sample.toString("hex")}')`);
  for (let at = 0; at < rows.length; at += 4_000)
    await session.query(`INSERT INTO samples VALUES ${rows.slice(at, at + 4_000).join(",")}`);
  const [answers] = await session.query<(string | null)[][] & mysql.RowDataPacket[]>(
    `SELECT HEX(CONVERT(CONVERT(b USING ${charset}) USING utf8mb4)) FROM samples ORDER BY n`,
  );
  return answers.map(([hex]) =>
    hex === null || hex === "" ? null : Buffer.from(String(hex), "hex").toString("utf8"),
  );
}
