import { drawProfile } from "./draw-profile.ts";
import type { Profile, ProfileName } from "./profile.ts";
import { Simulation } from "./simulation.ts";

/** How one seed went. */
export interface SeedResult {
  readonly seed: number;
  /** What was broken; null where everything held. */
  readonly failure: string | null;
  readonly steps: number;
  readonly profile: Profile;
  readonly trace: readonly string[];
}

/** Plays one seed from beginning to end. */
export async function runSeed(
  seed: number,
  options: { profile?: ProfileName; trace?: boolean } = {},
): Promise<SeedResult> {
  const simulation = new Simulation(
    seed,
    drawProfile(seed, options.profile ?? "all"),
    options.trace ?? false,
  );
  const failure = await simulation.play();
  const { world, profile } = simulation;
  return { seed, failure, steps: world.steps, profile, trace: world.trace };
}
