/* The page of a report: plots of all layers, a table of them, and histograms of the one that is chosen. Names come from a model's file: they
   are set as text, never as HTML. */
(() => {
  const { uPlot } = window;
  const report = JSON.parse(document.getElementById('data').textContent);
  const main = document.getElementById('report');
  const { layers } = report;
  const blue = '#2563a8';
  const orange = '#d97706';
  const red = '#c0262d';
  const green = '#3f7d58';
  const roundingError = 1 / Math.sqrt(12);

  const element = (tag, properties = {}, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const heading = (text) => main.append(element('h2', { textContent: text }));
  const note = (text, to = main) => to.append(element('p', { textContent: text }));
  const fixed = (digits) => (value) => (value === undefined || value === null ? '' : value.toFixed(digits));
  const clippedPercent = ({ clippedFraction }) => (clippedFraction === undefined ? undefined : 100 * clippedFraction);
  // JSON has no infinity
  const decibels = ({ sqnrDb, maxAbsError }) => (sqnrDb === null ? (maxAbsError === 0 ? 'same' : 'none') : fixed(1)(sqnrDb));

  /** Columns: [title, content of a row, class]; those without any content are left out. */
  const tableOf = (all, rows, onRow = () => {}) => {
    const columns = all.filter(([, cell]) => rows.some((row) => (cell(row) ?? '') !== ''));
    const head = element(
      'tr',
      {},
      ...columns.map(([title, , kind]) => element('th', { textContent: title, className: kind ?? '' })),
    );
    const body = rows.map((row, i) => {
      const cells = columns.map(([, cell, kind]) => {
        const content = cell(row);
        const made = element('td', { className: kind ?? '' });
        made.append(content ?? '');
        return made;
      });
      const line = element('tr', {}, ...cells);
      onRow(line, row, i);
      return line;
    });
    return element('table', {}, element('thead', {}, head), element('tbody', {}, ...body));
  };

  const layerBars = (title, numberOf, { color, line, limit }) => {
    const values = layers.map((layer) => numberOf(layer) ?? null);
    if (values.every((value) => value === null)) return;
    const names = layers.map(({ node }) => node);
    const holder = element('div');
    main.append(holder);
    const plot = new uPlot(
      {
        title,
        width: Math.min(1080, document.documentElement.clientWidth - 40),
        height: 210,
        scales: {
          x: { time: false, range: [-0.75, layers.length - 0.25] },
          y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(limit ?? 0, (high ?? 1) * 1.08) || 1] },
        },
        axes: [
          { values: (_, splits) => splits.map((split) => (Number.isInteger(split) ? split : '')), grid: { show: false } },
          { size: 64 },
        ],
        series: [
          { label: 'layer', value: (_, x) => (x === null ? '' : `${x}  ${names[x]}`) },
          {
            label: title,
            stroke: color,
            fill: color,
            paths: uPlot.paths.bars({ size: [0.7, 60] }),
            points: { show: false },
            value: (_, y) => (y === null ? '' : y.toPrecision(4)),
          },
        ],
        hooks: {
          draw: [
            (u) => {
              if (line === undefined) return;
              const y = u.valToPos(line, 'y', true);
              u.ctx.save();
              u.ctx.strokeStyle = red;
              u.ctx.setLineDash([6, 4]);
              u.ctx.lineWidth = 1.5 * devicePixelRatio;
              u.ctx.beginPath();
              u.ctx.moveTo(u.bbox.left, y);
              u.ctx.lineTo(u.bbox.left + u.bbox.width, y);
              u.ctx.stroke();
              u.ctx.restore();
            },
          ],
        },
      },
      [layers.map((_, i) => i), values],
      holder,
    );
    plot.over.addEventListener('click', () => plot.cursor.idx !== null && select(plot.cursor.idx, true));
  };

  /** Widths are powers of two and bins multiples of them: the finer histogram fits into the coarser one's bins. */
  const aligned = (histograms) => {
    const width = Math.max(...histograms.map((histogram) => histogram.width));
    const binOf = (histogram, i) => Math.floor((histogram.min + i * histogram.width) / width);
    const filled = histograms.filter(({ counts }) => counts.length > 0);
    const first = Math.min(...filled.map((histogram) => binOf(histogram, 0)));
    const last = Math.max(...filled.map((histogram) => binOf(histogram, histogram.counts.length - 1)));
    const columns = histograms.map((histogram) => {
      const counts = new Array(last - first + 1).fill(0);
      for (const [i, count] of histogram.counts.entries()) counts[binOf(histogram, i) - first] += count;
      return counts.map((count) => Math.log10(1 + count));
    });
    return [columns[0].map((_, i) => (first + i + 0.5) * width), ...columns];
  };

  const histogramPlot = (holder, title, histograms) => {
    if (histograms.every(({ counts }) => counts.length === 0)) return;
    const [step, bars] = [uPlot.paths.stepped({ align: 0 }), uPlot.paths.bars({ size: [1, 60] })];
    const colors = [blue, orange];
    const labels = histograms.length === 1 ? ['weights'] : ['float', 'quantized'];
    const count = (power) => (power === null ? '' : String(Math.round(10 ** power - 1)));
    new uPlot(
      {
        title,
        width: Math.max(320, Math.min(530, holder.clientWidth / 2 - 8)),
        height: 240,
        scales: { x: { time: false } },
        axes: [
          {},
          {
            size: 64,
            values: (_, splits) => splits.map((split) => (split === 0 ? '0' : Number.isInteger(split) ? `${10 ** split}` : '')),
          },
        ],
        series: [
          { label: 'value', value: (_, x) => (x === null ? '' : x.toPrecision(4)) },
          ...labels.map((label, i) => ({
            label,
            stroke: colors[i],
            ...(i === 0 && { fill: `${colors[i]}40` }),
            paths: i === 0 ? bars : step,
            points: { show: false },
            value: (_, y) => count(y),
          })),
        ],
      },
      aligned(histograms),
      holder,
    );
  };

  const lines = [];
  let chosen = -1;
  const select = (index, scrolls) => {
    lines[chosen]?.classList.remove('selected');
    chosen = index;
    lines[index].classList.add('selected');
    const { node, op, value, histograms, weights } = layers[index];
    const plots = element('div', { className: 'plots' });
    detail.replaceChildren(element('h2', { textContent: `${index}  ${node} (${op})` }));
    note(histograms ? `value ${value}; how many values are in each bin, on a logarithmic scale` : `value ${value}`, detail);
    detail.append(plots);
    if (histograms) histogramPlot(plots, 'result', [histograms.float, histograms.quantized]);
    if (weights) histogramPlot(plots, 'weights, before quantization', [weights]);
    if (scrolls) detail.scrollIntoView({ behavior: 'smooth', block: 'nearest' });
  };

  main.append(element('h1', { textContent: report.model }));
  note(
    Object.entries(report.settings)
      .map(([name, value]) => `${name}: ${value}`)
      .join(' · '),
  );
  if (report.constantBytes) {
    const { float, quantized } = report.constantBytes;
    note(`${quantized} bytes of constants instead of ${float}, ${(float / Math.max(1, quantized)).toFixed(2)} times smaller`);
  }

  heading('Outputs');
  if (report.batches) note(`${report.batches.outputs} batches, quantized against float`);
  main.append(
    tableOf(
      [
        ['output', ({ name }) => name, 'text name'],
        ['SQNR, dB', decibels],
        ['cosine', ({ cosine }) => fixed(6)(cosine)],
        ['max error', ({ maxAbsError }) => maxAbsError?.toPrecision(4)],
        ['same top class', ({ top }) => top && `${top.same} of ${top.rows}`],
      ],
      report.outputs,
    ),
  );

  const detail = element('section', { id: 'detail' });
  if (layers.length > 0) {
    heading('Layers');
    if (report.batches) note(`On ${report.batches.layers} batches.`);
    note('Errors add up from layer to layer. Choose a layer for its histograms.');
    layerBars('SQNR, dB', ({ sqnrDb }) => sqnrDb, { color: blue });
    layerBars('RMSE / scale (dashed: 0.289, rounding alone)', ({ rmseOverScale }) => rmseOverScale, {
      color: orange,
      line: roundingError,
      limit: 2 * roundingError,
    });
    layerBars('clipped, %', clippedPercent, { color: red, limit: 0.01 });
    layerBars('SQNR of the outputs, this layer alone quantized, dB', ({ sensitivityDb }) => sensitivityDb, { color: green });
    main.append(detail);
    const button = ({ node }, i) =>
      element('button', { type: 'button', textContent: node, title: node, onclick: () => select(i, false) });
    const rows = layers.map((layer, i) => ({ ...layer, i }));
    const table = tableOf(
      [
        ['', ({ i }) => String(i)],
        ['node', (row) => button(row, row.i), 'text name'],
        ['op', ({ op }) => op, 'text'],
        ['SQNR, dB', decibels],
        ['cosine', ({ cosine }) => fixed(6)(cosine)],
        ['RMSE/scale', ({ rmseOverScale }) => fixed(3)(rmseOverScale)],
        ['clipped, %', (layer) => fixed(4)(clippedPercent(layer))],
        ['max error', ({ maxAbsError }) => maxAbsError?.toPrecision(3)],
        ['alone, dB', ({ sensitivityDb }) => fixed(1)(sensitivityDb)],
        ['bytes', ({ cost }) => cost && String(cost.quantized.bytes)],
        ['float', ({ cost }) => cost && String(cost.float.bytes)],
        ['µs', ({ cost }) => fixed(1)(cost?.quantized.microseconds)],
        ['float', ({ cost }) => fixed(1)(cost?.float.microseconds)],
      ],
      rows,
      (line, _, i) => (lines[i] = line),
    );
    main.append(element('div', { className: 'scroll' }, table));
    // Where to look first
    const worst = layers.reduce((low, { sqnrDb }, i) => ((sqnrDb ?? Infinity) < (layers[low].sqnrDb ?? Infinity) ? i : low), 0);
    select(worst, false);
  }
  if (report.int16?.length > 0) {
    heading('On int16 activations');
    main.append(
      tableOf(
        [
          ['node', ({ node }) => node, 'text name'],
          ['op', ({ op }) => op, 'text'],
        ],
        report.int16,
      ),
    );
  }
  if (report.float?.length > 0) {
    heading('Computed in float');
    main.append(
      tableOf(
        [
          ['node', ({ node }) => node, 'text name'],
          ['op', ({ op }) => op, 'text'],
          ['why', ({ reason }) => reason, 'text'],
        ],
        report.float,
      ),
    );
  }
})();
