import fc from "fast-check";
import { expect, it } from "vitest";
import { ByteLender } from "./lent-bytes.ts";
import { NoAnswer, ReceivedAnswers } from "./received-answers.ts";

function framed(answers: readonly Buffer[]): Buffer {
  return Buffer.concat(
    answers.flatMap((answer) => {
      const length = Buffer.alloc(4);
      length.writeInt32BE(answer.length);
      return [length, answer];
    }),
  );
}

/** Bytes come as a socket reads them: as many as there are, at most as many as there is room for. */
function feed(received: ReceivedAnswers, bytes: Buffer, sizes: readonly number[]): void {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const { room } = received;
    const count = Math.min(room.length, sizes[turn % sizes.length] ?? 1, bytes.length - at);
    bytes.copy(room, 0, at, at + count);
    at += count;
    received.take(count);
  }
}

it("answers are put together however they come, and each has its own bytes until it is given back", () => {
  const lengths = fc.oneof(fc.integer({ min: 4, max: 40 }), fc.integer({ min: 4, max: 200_000 }));
  const sizes = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1_000, max: 99_999 }));
  fc.assert(
    fc.property(
      fc.array(lengths, { minLength: 1, maxLength: 8 }),
      fc.array(sizes, { minLength: 1, maxLength: 5 }),
      fc.array(fc.boolean(), { minLength: 8, maxLength: 8 }),
      (all, cuts, givesBack) => {
        const answers = all.map((length, i) => Buffer.alloc(length, i + 1));
        const lender = new ByteLender(() => () => undefined);
        const found: Buffer[] = [];
        const kept: [at: number, bytes: Buffer][] = [];
        const received = new ReceivedAnswers(lender, (answer) => {
          if (givesBack[found.length] !== true) kept.push([found.length, answer]);
          found.push(Buffer.from(answer));
          if (givesBack[found.length - 1] !== true) return;
          answer.fill(0);
          lender.giveBack(answer);
        });
        feed(received, framed(answers), cuts);
        expect(found.map((each, i) => each.equals(answers[i] ?? Buffer.alloc(0)))).toEqual(
          answers.map(() => true),
        );
        for (const [at, bytes] of kept) expect(bytes.equals(answers[at] ?? bytes)).toBe(true);
      },
    ),
    { numRuns: 200 },
  );
});

it("a length that no broker says is refused before bytes are made for it", () => {
  for (const said of ["HTTP/1.1 400 Bad Request", "\x00\x00\x00\x03abc", "\xff\xff\xff\xff"]) {
    const received = new ReceivedAnswers(new ByteLender(), () => undefined);
    expect(() => feed(received, Buffer.from(said, "latin1"), [7])).toThrow(NoAnswer);
  }
});
