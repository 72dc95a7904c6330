import { expect, it } from "vitest";
import { reloadText } from "./reload-command.ts";

const nothing = { came: [], left: [], rerouted: [], redirected: [], changed: true };

it.each([
  [{ ...nothing, changed: false }, "the file was read again; nothing in it has changed"],
  [nothing, "the file was read again: no table is concerned"],
  [
    { ...nothing, came: ["s.a"], left: ["s.b", "s.c"] },
    "the file was read again: s.a is captured from now on; s.b, s.c are let go of",
  ],
  [{ ...nothing, rerouted: ["s.a"] }, "the file was read again: s.a is loaded again"],
  [
    { ...nothing, redirected: ["s.a"] },
    "the file was read again: s.a is written elsewhere or otherwise from now on, and what was read before stays",
  ],
])("tells what came of a file that was read again: %o", (outcome, text) => {
  expect(reloadText(outcome)).toBe(text);
});
