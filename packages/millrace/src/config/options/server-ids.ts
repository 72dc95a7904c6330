import { z } from "zod";
import type { OptionType } from "../option-type.ts";
import { optionType } from "../option-type.ts";

/** Numbers of which a reader takes one, both ends included. */
export interface ServerIds {
  readonly from: number;
  readonly to: number;
}

/** The server's ids are 32 bits, and 0 is none. */
const MAX_ID = 4_294_967_295;

/** `5400`, or `5400-5404`. */
export const serverIds: OptionType<ServerIds> = optionType<ServerIds>({
  name: "number or range",
  json: { type: ["integer", "string"] },
  value: z.object({ from: z.int(), to: z.int() }),
  decode: (value) => {
    const remedy = `Write a number from 1 to ${MAX_ID}, or two with a hyphen between them`;
    const [, first, last] = /^(\d+)(?:\s*-\s*(\d+))?$/.exec(value.trim()) ?? [];
    if (first === undefined) return { wrong: "is neither a number nor a range", remedy };
    const [from, to] = [Number(first), Number(last ?? first)];
    if (from < 1 || to > MAX_ID) return { wrong: "is out of range", remedy };
    return from > to ? { wrong: "ends before it begins", remedy } : { from, to };
  },
  encode: ({ from, to }) => (from === to ? `${from}` : `${from}-${to}`),
});
