// What is made of the numbers of several rounds.
'use strict';

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

const geometricMean = (values) => Math.exp(values.reduce((sum, v) => sum + Math.log(v), 0) / values.length);

// Medians of each figure over the rounds; figures that a round lacks are left out.
function summarise(rounds) {
  const result = {};
  for (const key of Object.keys(rounds[0])) result[key] = median(rounds.map((round) => round[key]));
  return result;
}

module.exports = { median, geometricMean, summarise };
