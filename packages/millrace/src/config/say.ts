import type { Findings, Section } from "./section.ts";

/** Reports what is wrong with an option of a section, and what to do about it. */
export type Say = (name: string, wrong: string, remedy: string) => void;

/** What a problem needs to know of a section: where it stands, and where each option that the file gives. */
export type Placed = Pick<Section<never>, "place" | "given">;

/** Problems of a section's options, each at its own place, or at the section's where the file does not give it. */
export function sayOf({ place, given }: Placed, path: string, findings: Findings): Say {
  return (name, wrong, remedy) =>
    findings.problem(given.get(name) ?? place, `${path}.${name}`, wrong, remedy);
}
