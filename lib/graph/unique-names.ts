/** `name`, `name#2`, `name#3`, ...: each call gives a name that none before gave and that is not among `taken`. */
export function uniqueNames(taken: Iterable<string> = []): (name: string) => string {
  const last = new Map<string, number>();
  for (const name of taken) last.set(name, 0);
  return (name) => {
    let k = last.get(name) ?? 0;
    let unique = name;
    // A number is skipped where that very name is another's: over all calls, at most once for each name
    while (last.has(unique)) unique = `${name}#${++k + 1}`;
    last.set(name, k);
    if (unique !== name) last.set(unique, 0);
    return unique;
  };
}
