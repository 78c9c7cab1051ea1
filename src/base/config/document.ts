// docs/config.md: the tables of the configuration, written from the schemas so that they cannot lie.
import { agentSchema } from './agent-schema.ts';
import type { Field } from './field.ts';
import { operatorSchema } from './operator-schema.ts';
import { RESTRICTIONS } from './restrictions.ts';
import type { Schema } from './schema.ts';

const HEAD = `# Configuration

One TOML file. An unknown key, a wrong type or a wrong value is named with file and line, and nothing is started (exit
status 3). Durations are in seconds, except \`t1\`, \`t2\`, \`t4\` in milliseconds. Secrets never appear in an API answer or a log.

What is changed by \`PATCH config\`, or in the file followed by SIGHUP, takes effect as soon as no call would suffer from it; do
not disturb at once. Values of the owner (\`PATCH\`) are kept in the state folder and go over those of the file.

This page is written from the schema in \`src/base/config\`; a test keeps it so (\`scripts/config-docs\` writes it again).
`;

/** The whole page, Markdown. */
export function configDocument(): string {
  return [
    HEAD,
    '## The device: `tandem run --config FILE`\n',
    tables(agentSchema),
    '### Not in this version\n',
    'The contract knows these; this version refuses the demand (exit status 3) rather than ignore it.\n',
    grid(
      ['key', 'demand', 'reason'],
      RESTRICTIONS.map(({ key, demand, lacks }) => [`\`${key}\``, demand, `this version ${lacks}`]),
    ),
    '## The test operator: `tandem operator --config FILE`\n',
    tables(operatorSchema),
  ].join('\n');
}

function tables(schema: Schema): string {
  return Object.entries(schema)
    .map(([name, entry]) => {
      if (entry.type === 'field') return grid(COLUMNS, [row(name, entry)]);
      const head = entry.type === 'section' ? `### [${name}]` : `### [[${name}]]`;
      const rows = Object.entries(entry.fields).map(([key, field]) => row(key, field));
      const body = rows.length > 0 ? grid(COLUMNS, rows) : 'No keys in this version.\n';
      return `${head}\n\n${entry.doc}\n\n${body}`;
    })
    .join('\n');
}

const COLUMNS = ['key', 'values', 'default', 'what'];

const row = (key: string, field: Field<unknown>): string[] => [
  `\`${key}\``,
  field.forms,
  field.required ? 'required' : (field.defaultDoc ?? defaultText(field.default)),
  field.doc,
];

const defaultText = (value: unknown): string =>
  value === undefined ? 'none' : `\`${JSON.stringify(value)}\``;

function grid(columns: readonly string[], rows: readonly string[][]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return `${[line(columns), line(columns.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}
