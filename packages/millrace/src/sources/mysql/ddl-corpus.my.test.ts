import { describe, expect, it } from "vitest";
import { mysqlFlavors, sharedMysql } from "../../../../../test/support/mysql.ts";
import { drawnSeed, testRuns, timeFor } from "../../../../../test/support/test-runs.ts";
import { runCorpus } from "./ddl-corpus-runner.fixture.ts";
import { corpusFor } from "./ddl-corpus.fixture.ts";
import { drawScripts } from "./ddl-fuzz.fixture.ts";
import { ODD } from "./ddl-odd.fixture.ts";

describe.each(mysqlFlavors)("DDL in the log of %s", (flavor) => {
  it(
    "makes of our shapes what information_schema has, and says which values it changes",
    async () => {
      await using server = await sharedMysql(flavor);
      const { wrong, refused, ran } = await runCorpus(server, corpusFor(flavor, ODD));
      expect(refused).toEqual([]);
      expect(wrong).toEqual([]);
      expect(ran).toBeGreaterThan(300);
    },
    timeFor(90_000),
  );

  it(
    "is unknown where it is not understood, and never a wrong column: any clauses, cut and stirred",
    async () => {
      await using server = await sharedMysql(flavor);
      const seed = drawnSeed;
      const { wrong, ran, unknown } = await runCorpus(server, drawScripts(seed, testRuns(12)));
      expect(wrong, `seed ${seed}`).toEqual([]);
      expect(ran, `seed ${seed}`).toBeGreaterThan(30);
      // Statements that are not understood cost a reading of the catalogue: most are.
      expect(unknown, `seed ${seed}`).toBeLessThan(ran / 4);
    },
    timeFor(90_000),
  );
});
