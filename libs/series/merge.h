#pragma once

// Combining sorted series streams.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "series/series_set.h"

namespace thanos::series {

// A k-way merge by labels::Compare. Equal label sets, from different inputs or repeated within one, become
// one series whose chunks are ordered by (min time, max time); chunks with equal times, encodings and bytes
// are kept once. Warnings are passed on with the batch being filled. Output batches are bounded and keep the
// memory of the inputs alive as long as they need it. The first error of an input ends the merge. One input
// is still normalised (joined, de-duplicated).
std::unique_ptr<SeriesSet> MergeSets(std::vector<std::unique_ptr<SeriesSet>> inputs);

// Ends after `max_series` series; 0 is no limit. A series is a run of equal label sets.
std::unique_ptr<SeriesSet> Limit(std::unique_ptr<SeriesSet> input, int64_t max_series);

// Removes the labels `names` from every series and restores the order, for inputs that cannot do it
// themselves. Reads the whole input on the first Next(). Equal label sets become neighbours but are not
// joined (MergeSets does that).
std::unique_ptr<SeriesSet> WithoutLabels(std::unique_ptr<SeriesSet> input, std::vector<std::string> names);

// The rule for the chunks of one series: orders `chunks` by (min time, max time) and drops identical ones.
void SortAndDropDuplicates(std::vector<Chunk>* chunks);

}  // namespace thanos::series
