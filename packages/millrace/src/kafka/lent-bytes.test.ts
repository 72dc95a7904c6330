import { expect, it } from "vitest";
import { ByteLender, LEAST_LENT_BYTES } from "./lent-bytes.ts";

const MIB = 2 ** 20;

/** A lender whose looks are made by hand. */
function lenderAndLook(): { lender: ByteLender; look: () => void; isWatched: () => boolean } {
  let work: (() => void) | null = null;
  const lender = new ByteLender((_ms, each) => {
    work = each;
    return () => (work = null);
  });
  return { lender, look: () => work?.(), isWatched: () => work !== null };
}

it("bytes that were given back are lent again, and never to two", () => {
  const { lender } = lenderAndLook();
  const first = lender.lend(3 * MIB);
  const second = lender.lend(3 * MIB);
  expect(second.buffer).not.toBe(first.buffer);
  lender.giveBack(first.subarray(17, 99));
  lender.giveBack(first);
  expect(lender.lend(3 * MIB - 50).buffer).toBe(first.buffer);
  expect(lender.lend(3 * MIB).buffer).not.toBe(first.buffer);
});

it("a small answer is not lent the bytes of a large one, nor a large one too few", () => {
  const { lender } = lenderAndLook();
  const large = lender.lend(4 * MIB);
  lender.giveBack(large);
  expect(lender.lend(MIB).buffer).not.toBe(large.buffer);
  expect(lender.lend(5 * MIB)).toHaveLength(5 * MIB);
  expect(lender.lend(4 * MIB).buffer).toBe(large.buffer);
});

it("bytes of others, and small ones, are nobody's to lend", () => {
  const { lender } = lenderAndLook();
  lender.giveBack(Buffer.alloc(MIB));
  lender.giveBack(lender.lend(LEAST_LENT_BYTES - 1));
  expect(lender.keptBytes).toBe(0);
});

it("what is kept has a bound, and what nobody needs is let go of", () => {
  const { lender, look, isWatched } = lenderAndLook();
  const lent = Array.from({ length: 8 }, () => lender.lend(4 * MIB));
  for (const each of lent) lender.giveBack(each);
  expect(lender.keptBytes).toBe(16 * MIB);
  look();
  // Two of four are in use, again and again.
  for (let round = 0; round < 3; round++) {
    const used = [lender.lend(4 * MIB), lender.lend(4 * MIB)];
    for (const each of used) lender.giveBack(each);
    look();
    expect(lender.keptBytes).toBe(8 * MIB);
  }
  look();
  expect(lender.keptBytes).toBe(0);
  look();
  expect(isWatched()).toBe(false);
});
