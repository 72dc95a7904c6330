// npm run guards [-- WORDS… | --write]: takes every guard away in a copy, and looks whether a test misses it.
import { runProgram } from "./run.mjs";

await runProgram("test/guards/main.ts");
