// Maps that are moved or enlarged together.
// Owns: passing the ranges of one to all others.

const same = (a, b) => JSON.stringify(a) === JSON.stringify(b);

function linkRanges() {
  const maps = figures.filter(isMap).map(({ div }) => div);
  for (const div of maps)
    div.on("plotly_relayout", () => {
      const { xaxis, yaxis } = div._fullLayout;
      for (const other of maps) {
        const shown = other._fullLayout;
        if (same([shown.xaxis.range, shown.yaxis.range], [xaxis.range, yaxis.range])) continue;
        Plotly.relayout(other, { "xaxis.range": [...xaxis.range], "yaxis.range": [...yaxis.range] });
      }
    });
}
