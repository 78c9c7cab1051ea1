// How the engine says that a figure is not there.

/** Negative values of the engine are none. */
export function known<Name extends string>(
  name: Name,
  value: number | undefined,
): { readonly [key in Name]?: number } {
  // A computed key widens to string in TypeScript; the shape is right.
  return value === undefined || value < 0 ? {} : ({ [name]: value } as { readonly [key in Name]: number });
}
