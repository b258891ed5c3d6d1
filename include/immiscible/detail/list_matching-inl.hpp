// A matching on lists while it grows: what the steps of the list solver share. Legend in list_solver.hpp.

HWY_BEFORE_NAMESPACE();
namespace immiscible {
inline namespace IMMISCIBLE_BUILD {
namespace detail {
namespace HWY_NAMESPACE {

/// Rows, columns, prices and the rows that wait.
template <class Cost>
class list_matching {
 protected:
  explicit list_matching(const list_problem<Cost>& problem)
      : p_(problem),
        w_(problem.work),
        n_(problem.cost.rows()),
        m_(problem.cost.columns()),
        policy_(n_),
        fixed_(problem),
        lists_(problem, fixed_) {
    for (auto* column : {&w_.distance, &w_.open_price, &w_.parent}) column->resize(fixed_.padded());
    w_.row_of_column.assign(m_, -1);
    w_.column_of_row.assign(n_ + 1, -1);
    w_.cost_of_row.resize(n_);
    w_.exact_price.resize(m_);
    for (auto* passed : {&w_.passed_column, &w_.passed_distance}) passed->reserve(m_);
    w_.tree.reserve(n_ + 1);
    w_.waits.reserve(n_ + 1);
    w_.lowered_by.reserve(m_);
    queue_mask_ = 1;
    while (queue_mask_ < n_ + 2) queue_mask_ *= 2;  // all rows and the rest
    w_.queue.assign(queue_mask_--, 0);
  }

  void give(std::size_t i, std::int32_t column, std::int32_t cost) {
    w_.row_of_column[static_cast<std::size_t>(column)] = static_cast<std::int32_t>(i);
    w_.column_of_row[i] = column;
    w_.cost_of_row[i] = cost;
  }

  /// Prices only fall; below the floor the fixed point would overflow.
  void lower(std::size_t column, std::int32_t fall) {
    w_.price[column] -= fall;
    out_of_range_ |= w_.price[column] < list_price_floor;
  }

  void enqueue(std::int32_t row) { w_.queue[tail_++ & queue_mask_] = row; }

  const list_problem<Cost>& p_;
  list_workspace& w_;
  const std::size_t n_, m_;
  const list_policy policy_;
  fixed_costs<Cost> fixed_;
  candidate_lists<Cost> lists_;
  std::size_t head_ = 0, tail_ = 0, queue_mask_ = 0;  // of the ring of waiting rows
  bool out_of_range_ = false;
};

}  // namespace HWY_NAMESPACE
}  // namespace detail
}  // namespace IMMISCIBLE_BUILD
}  // namespace immiscible
HWY_AFTER_NAMESPACE();
