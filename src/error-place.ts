import { isAbsolute, join, relative, sep } from 'node:path';
import { cwd } from 'node:process';
import { fileURLToPath } from 'node:url';
import { packageRoot } from './package-root.ts';

/** Where something went wrong: an absolute file, and `line` or `line:column`. */
export interface Place {
  readonly file: string;
  readonly position: string;
}

/** Frames in here say nothing about the user's code. tsx lets Node name `src` where `dist` is. */
const OWN_CODE = ['src', 'dist'].map((folder) => join(packageRoot(), folder) + sep);

/** A stack frame, or the heading that Node puts on a syntax error: a path and a position. */
const FRAME = /^(?:\s+at (?:.*\()?)?((?:file:\/\/)?(?:\/|[A-Z]:[\\/]).*?):(\d+(?::\d+)?)\)?$/;

/** The first frame of an error's stack that is in the user's own files. */
export function placeInStack(error: Error): Place | undefined {
  return placesInStack(error)[0];
}

/** All frames of an error's stack that are in the user's own files, the innermost first. */
export function placesInStack(error: Error): Place[] {
  return (error.stack?.split('\n') ?? []).flatMap((line) => {
    const [, address, position] = FRAME.exec(line) ?? [];
    if (address === undefined || position === undefined) return [];
    const file = pathOf(address);
    const isOwn = OWN_CODE.some((folder) => file.startsWith(folder));
    return isOwn || file.includes(`${sep}node_modules${sep}`) ? [] : [{ file, position }];
  });
}

export function formatPlace(place: Place): string {
  return `${shownPath(place.file)}:${place.position}`;
}

/** A path as a person wants to read it: relative to the working directory when it is below it. */
export function shownPath(file: string): string {
  const fromHere = relative(cwd(), file);
  return fromHere === '' || fromHere.startsWith('..') || isAbsolute(fromHere) ? file : fromHere;
}

/** A path out of a path or a file URL. */
export function pathOf(address: string): string {
  return address.startsWith('file://') ? fileURLToPath(address) : address;
}
