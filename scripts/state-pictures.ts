// Writes the pictures of the transaction tables into their README: node scripts/state-pictures.ts
import { readFileSync, writeFileSync } from 'node:fs';
import { toMermaid } from '../src/sip/transaction/mermaid.ts';
import { MACHINES } from '../src/sip/transaction/table.ts';

const README = 'src/sip/transaction/README.md';
const [text = ''] = readFileSync(README, 'utf8').split('\n## ');
const pictures = Object.values(MACHINES).map(
  (machine) => `\n## ${machine.title}\n\n\`\`\`mermaid\n${toMermaid(machine)}\n\`\`\`\n`,
);
writeFileSync(README, `${text.trimEnd()}\n${pictures.join('')}`);
