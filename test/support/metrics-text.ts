/** The samples of a text in Prometheus' format: `name{labels}` to the value, the labels as written. */
export function samplesOf(text: string): ReadonlyMap<string, number> {
  const samples = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '' || line.startsWith('#')) continue;
    const { sample, value } = /^(?<sample>\S+(?:\{.*\})?) (?<value>\S+)$/.exec(line)?.groups ?? {};
    if (sample === undefined || samples.has(sample))
      throw new Error(`No sample, or twice: ${line}`);
    samples.set(sample, Number(value));
  }
  return samples;
}

/** Name to type of the metrics of a text. */
export function typesOf(text: string): ReadonlyMap<string, string> {
  const found = [...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  return new Map(found.map(([, name = '', type = '']) => [name, type]));
}
