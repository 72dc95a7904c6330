import { expect, it } from "vitest";
import type { Process } from "../../pipeline/simulation/world.ts";
import { GroupWatch } from "./group-watch.ts";

it("finds two at one share though the second had heard of it before, late and forgotten", async () => {
  const [first, second] = ["first", "second"].map((name): Process => ({
    name,
    dead: false,
    frozen: false,
  })) as [Process, Process];
  const members = new Set([first]);
  const watch = new GroupWatch({ counts: (owner) => members.has(owner) });
  const sharesOf = (owner: Process, times: number) =>
    watch.watched(owner, given(times), (check) => check());
  await sharesOf(first, 1).next();
  const heard = sharesOf(second, 2);
  await heard.next();
  members.add(second);
  await expect(heard.next()).rejects.toThrow("second is given s-0, which first runs");
});

async function* given(times: number): AsyncGenerator<ReadonlySet<string>> {
  for (let i = 0; i < times; i++) yield await Promise.resolve(new Set(["s-0"]));
}
