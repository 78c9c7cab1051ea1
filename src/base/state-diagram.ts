// The picture of a state table as Mermaid, made from the table so that it cannot lie; the READMEs hold them and tests compare.

/** By state and event: where it goes. A word in place of that means that nothing changes there. */
type Table = Readonly<Record<string, Readonly<Partial<Record<string, { readonly next: string } | string>>>>>;

interface Row {
  readonly state: string;
  readonly event: string;
  readonly next: string;
  readonly actions: readonly string[];
}

interface Ends {
  /** Where it begins; `calling: send INVITE` tells what is done there. */
  readonly begin: readonly string[];
  /** Where it is over. */
  readonly end?: readonly string[];
}

export interface TablePicture extends Ends {
  /** In the order in which an arrow names them; default: that of each row. */
  readonly events?: readonly string[];
  /** Whether what stays in its state is drawn; default true. */
  readonly loops?: boolean;
}

/** One arrow for each pair of states, its events joined. */
export function tableDiagram(table: Table, { events, loops = true, ...ends }: TablePicture): string {
  const arrows = Object.entries(table).flatMap(([from, row]) => {
    const joined = new Map<string, string[]>();
    for (const event of events ?? Object.keys(row)) {
      const found = row[event];
      if (typeof found !== 'object' || (!loops && found.next === from)) continue;
      joined.set(found.next, [...(joined.get(found.next) ?? []), event]);
    }
    return [...joined].map(([next, names]) => `${from} --> ${next}: ${names.join(', ')}`);
  });
  return draw(arrows, ends);
}

/** One arrow for each row, with what it does; rows that change nothing and do nothing are left out. */
export function rowDiagram(rows: readonly Row[], { begin, end = [] }: Ends): string {
  const arrows = rows
    .filter(({ state, next, actions }) => actions.length > 0 || next !== state)
    .map(({ state, event, next, actions }) => {
      const doing = actions.length > 0 ? ` / ${actions.join(', ')}` : '';
      return `${state} --> ${end.includes(next) ? '[*]' : next}: ${event}${doing}`;
    });
  return draw(arrows, { begin });
}

function draw(arrows: readonly string[], { begin, end = [] }: Ends): string {
  const lines = [
    ...begin.map((state) => `[*] --> ${state}`),
    ...arrows,
    ...end.map((state) => `${state} --> [*]`),
  ];
  return ['stateDiagram-v2', ...lines.map((line) => `  ${line}`)].join('\n');
}
