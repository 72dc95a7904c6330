/** The files of the project as paths below `root`, with slashes. */
export function projectFiles(root: string): string[];
