import * as fc from "fast-check";
import type { CorpusScript, CorpusStatement } from "./ddl-corpus.fixture.ts";

const MADE =
  "CREATE TABLE fz (id INT PRIMARY KEY, a INT, b VARCHAR(10), c TEXT, e ENUM('x','y'), g INT AS (a + 1) STORED) CHARSET latin1";
const FILLED =
  "INSERT INTO fz (id, a, b, c, e) VALUES (1, 10, 'x', 'one', 'x'), (2, NULL, 'y', NULL, 'y')";

/** Clauses of ALTER TABLE, on columns that may be there. */
const CLAUSES = [
  "ADD d INT",
  "ADD COLUMN d VARCHAR(5) NOT NULL DEFAULT 'd' FIRST",
  "ADD f DECIMAL(5,2) DEFAULT 1.5 AFTER a",
  "ADD (h INT, i CHAR(3) CHARACTER SET utf8mb4)",
  "ADD j INT AS (id + 1) VIRTUAL AFTER id",
  "ADD k TIMESTAMP NULL",
  "ADD UNIQUE KEY u (a)",
  "ADD INDEX (b)",
  "ADD PRIMARY KEY (id, a)",
  "ADD CONSTRAINT ck CHECK (id > 0)",
  "DROP a",
  "DROP COLUMN b",
  "DROP c",
  "DROP d",
  "DROP f",
  "DROP g",
  "DROP h",
  "DROP PRIMARY KEY",
  "DROP INDEX u",
  "MODIFY a BIGINT",
  "MODIFY a BIGINT UNSIGNED FIRST",
  "MODIFY COLUMN a TINYINT NOT NULL AFTER id",
  "MODIFY b VARCHAR(20)",
  "MODIFY b CHAR(2) CHARACTER SET utf8mb4 AFTER c",
  "MODIFY c MEDIUMTEXT COLLATE utf8mb4_bin FIRST",
  "MODIFY e ENUM('x','y','z')",
  "MODIFY e SET('y','x') AFTER b",
  "MODIFY id BIGINT AUTO_INCREMENT",
  "MODIFY g INT",
  "MODIFY d DATETIME(3)",
  "CHANGE a a2 INT",
  "CHANGE a2 a INT NOT NULL COMMENT 'c, (d' FIRST",
  "CHANGE b `b 2` VARBINARY(10) AFTER id",
  "CHANGE `b 2` b VARCHAR(10)",
  "CHANGE id ID INT",
  "RENAME COLUMN a TO b",
  "RENAME COLUMN b TO a",
  "RENAME COLUMN c TO d",
  "RENAME COLUMN d TO c",
  "ALTER a SET DEFAULT 7",
  "ALTER COLUMN b DROP DEFAULT",
  "DEFAULT CHARSET utf8mb4",
  "COLLATE latin2_general_ci",
  "CONVERT TO CHARACTER SET utf8mb3",
  "COMMENT = 'x'",
  "ENGINE=InnoDB",
  "ALGORITHM=COPY",
  "ORDER BY id",
  "/*!50000 ADD m INT */",
  "RENAME TO fz",
];

/** Words that are thrown in. */
const WORDS = [
  "FIRST",
  "AFTER a",
  "NULL",
  "NOT NULL",
  "UNSIGNED",
  "KEY",
  "PRIMARY KEY",
  "DEFAULT 3",
  ",",
  "INVISIBLE",
];
const MORE_WORDS = [
  ...WORDS,
  "BINARY",
  "CHARACTER SET latin2",
  "IF EXISTS",
  "COLUMN",
  "/* x */",
  "UNIQUE",
  "`",
];

const clauses = fc.array(fc.constantFrom(...CLAUSES), { minLength: 1, maxLength: 3 });
const stirred = fc
  .tuple(
    clauses,
    fc.nat(),
    fc.constantFrom("cut", "twice", "word", "swap"),
    fc.constantFrom(...MORE_WORDS),
  )
  .map(([parts, place, how, word]) => stir(parts.join(", ").split(" "), place, how, word));
const alteration = fc.oneof(
  { weight: 3, arbitrary: clauses.map((parts) => parts.join(", ")) },
  { weight: 2, arbitrary: stirred },
);

function stir(words: readonly string[], place: number, how: string, word: string): string {
  const at = place % words.length;
  const here = words[at] ?? "";
  const [count, put] =
    how === "cut"
      ? [1, []]
      : how === "twice"
        ? [1, [here, here]]
        : how === "word"
          ? [0, [word]]
          : [2, [words[at + 1] ?? "", here]];
  return words.toSpliced(at, count, ...put).join(" ");
}

const plain = (sql: string): CorpusStatement => ({ sql, unknown: false, mayFail: false });

/** A table each, and forty alterations of it, of which the server refuses most. */
export function drawScripts(seed: number, count: number): readonly CorpusScript[] {
  const drawn = fc.sample(fc.array(alteration, { minLength: 40, maxLength: 40, size: "max" }), {
    seed,
    numRuns: count,
  });
  return drawn.map((alterations, index) => [
    plain(`SET sql_mode = '${index % 2 === 0 ? "" : "STRICT_ALL_TABLES"}'`),
    plain(MADE),
    plain(FILLED),
    ...alterations.map((text) => ({
      sql: `ALTER TABLE fz ${text}`,
      unknown: "maybe" as const,
      mayFail: true,
    })),
  ]);
}
