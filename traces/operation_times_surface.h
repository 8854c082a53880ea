// Times of one operation over (new tokens, tokens already cached), from measured points on a possibly ragged grid.
//
// A point lies at (x, y) and takes T(x, y). Points of equal x form a row. Within a row T is linear in y, since the work
// of attention is; between rows log T is linear in log x. For a question (x, y) the two rows nearest to x on either
// side that cover y are taken, so a row measured at one y only doesn't hide the fuller rows around it. The answer lies
// between the measured points around it, and equals a measured point at that point.
//
// Outside of the points: above the largest x the time grows in proportion to x; below the smallest x it stays (an
// operation has a floor); above the largest y of a row the row goes on with its last slope; below the smallest y with
// its first slope, but not under half of its first time.
#pragma once

#include <vector>

namespace ppplan::traces {

class Surface {
 public:
  struct Point {
    double x = 1;
    double y = 0;
    double seconds = 0;
    double relative_error = 0;
  };
  struct Value {
    double seconds = 0;
    double relative_error = 0;  // largest of the points that took part
    bool outside_x = false;
    bool above_y = false;
    bool below_y = false;
  };

  /// Points of equal (x, y) are averaged. Throws nothing; an empty surface must not be asked.
  explicit Surface(std::vector<Point> points = {});

  bool empty() const { return rows_.empty(); }
  Value at(double x, double y) const;

 private:
  struct Row {
    double x = 1;
    std::vector<Point> points;  // by y
    bool covers(double y) const { return points.front().y <= y && y <= points.back().y; }
    Value at(double y) const;
  };
  Value between(const Row& low, const Row& high, double x, double y) const;
  Value past_end(const Row& row, double x, double y) const;

  std::vector<Row> rows_;  // by x
};

}  // namespace ppplan::traces
