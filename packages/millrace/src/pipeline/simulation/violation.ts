/** A promise of the pipeline was broken. */
export class Violation extends Error {}
