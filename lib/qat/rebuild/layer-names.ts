/** Names that tfjs takes: letters, digits, `-`, `_`, `.` and `/`, the first one a letter or digit. */
import { uniqueNames } from '../../graph/unique-names.js';

const maxLength = 200;

/** Each call gives another name. What tfjs does not take becomes `_`. */
export function layerNames(): (name: string) => string {
  const unique = uniqueNames();
  return (name) => {
    const plain = name.slice(0, maxLength).replaceAll(/[^A-Za-z0-9_./-]/g, '_');
    return unique(/^[A-Za-z0-9]/.test(plain) ? plain : `layer${plain}`).replaceAll('#', '_');
  };
}
