// Directions of a medium and how an answer mirrors them (RFC 3264 6.1, 8.4).

export const DIRECTIONS = ['sendrecv', 'sendonly', 'recvonly', 'inactive'] as const;
export type Direction = (typeof DIRECTIONS)[number];

export const isDirection = (text: string): text is Direction => DIRECTIONS.some((name) => name === text);

export const sends = (direction: Direction): boolean => direction === 'sendrecv' || direction === 'sendonly';
export const receives = (direction: Direction): boolean =>
  direction === 'sendrecv' || direction === 'recvonly';

export const directionOf = (send: boolean, receive: boolean): Direction =>
  send ? (receive ? 'sendrecv' : 'sendonly') : receive ? 'recvonly' : 'inactive';

/** The same stream seen from the other end. */
export const mirrored = (direction: Direction): Direction =>
  directionOf(receives(direction), sends(direction));

/** What both allow. */
export const common = (a: Direction, b: Direction): Direction =>
  directionOf(sends(a) && sends(b), receives(a) && receives(b));
