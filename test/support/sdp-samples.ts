// Session descriptions that tests write themselves (RFC 8866 5).

/** The lines before the first `m=`. */
export const sdpHead = (host: string, origin = '- 1 1'): string[] => [
  'v=0',
  `o=${origin} IN IP4 ${host}`,
  's=-',
  `c=IN IP4 ${host}`,
  't=0 0',
];

/** A whole description with these media lines. */
export const sampleSdp = (host: string, media: readonly string[]): string =>
  [...sdpHead(host), ...media, ''].join('\r\n');
