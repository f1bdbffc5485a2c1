#include "monitor/audit_policy_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "monitor/audit_csv.h"

namespace blockwatch {
namespace {

// What AuditQuerySystemPolicy and its kin do, as ntsecapi.h and learn.microsoft.com describe it.
struct FakeWindows {
  std::array<std::uint32_t, kAuditSubcategories> policy{};  // AuditingInformation
  std::size_t known = kAuditSubcategories;                  // an older Windows knows fewer
  bool holds_privilege = true;
  bool enabled = false;
  bool needs_privilege = true;
  std::uint32_t query_error = 0;
  std::uint32_t set_error = 0;
  std::size_t set_before_error = 0;  // so many settings are made before the error comes
  std::optional<std::uint32_t> no_legacy;
  std::optional<std::string> group_policy;
  std::optional<SecurityLogApi::State> log;
  std::uint32_t last_error = 0;
  int allocations = 0;
  std::vector<std::vector<std::uint32_t>> sets;

  std::optional<std::size_t> index(const WindowsGuid& guid) const {
    for (std::size_t i = 0; i < known; ++i) {
      if (windows_guid(static_cast<AuditId>(i)) == guid) return i;
    }
    return std::nullopt;
  }
  bool fail(std::uint32_t error) {
    last_error = error;
    return false;
  }

  AuditApi api() {
    AuditApi api;
    api.query = [this](const WindowsGuid* ids, std::uint32_t count, WindowsAuditInformation** out) {
      if (query_error != 0) return fail(query_error);
      if (needs_privilege && !enabled) return fail(kErrorAccessDenied);
      std::vector<WindowsAuditInformation> all(count);
      for (std::uint32_t i = 0; i < count; ++i) {
        const auto at = index(ids[i]);
        if (!at) return fail(kErrorInvalidParameter);
        all[i] = {ids[i], policy.at(*at), {}};
      }
      *out = new WindowsAuditInformation[count];
      std::copy(all.begin(), all.end(), *out);
      ++allocations;
      return true;
    };
    api.set = [this](const WindowsAuditInformation* settings, std::uint32_t count) {
      if (needs_privilege && !enabled) return fail(kErrorAccessDenied);
      sets.emplace_back();
      for (std::uint32_t i = 0; i < count; ++i) {
        if (set_error != 0 && i == set_before_error) return fail(std::exchange(set_error, 0));
        sets.back().push_back(settings[i].auditing);
        const std::uint32_t value = settings[i].auditing;
        if (value != 0) policy.at(index(settings[i].subcategory).value()) = value;
      }
      return true;
    };
    api.free = [this](void* memory) {
      delete[] static_cast<WindowsAuditInformation*>(memory);
      --allocations;
    };
    api.last_error = [this] { return last_error; };
    api.set_privilege = [this](bool enable, bool& was_enabled) {
      was_enabled = enabled;
      if (!holds_privilege) return kErrorNotAllAssigned;
      enabled = enable;
      return std::uint32_t{0};
    };
    api.no_legacy_policy = [this] { return no_legacy; };
    api.group_policy = [this] { return group_policy; };
    api.security_log.state = [this] { return enabled ? log : std::nullopt; };
    return api;
  }
};

class ApiAuditPolicy : public testing::Test {
 protected:
  ~ApiAuditPolicy() override {
    EXPECT_EQ(windows_.allocations, 0);
    EXPECT_FALSE(windows_.enabled);
  }
  FakeWindows windows_;
  std::unique_ptr<AuditPolicySource> policy_ = make_api_audit_policy(windows_.api());
};

constexpr AuditFlags kFailureOnly{false, true};

TEST_F(ApiAuditPolicy, ReadsTheFlagsOnly) {
  windows_.policy = {};
  windows_.policy.at(kAuditConnection) = kAuditFailure;
  windows_.policy.at(kAuditPacketDrop) = kAuditNone;  // "off" may be told as 4 or 0
  windows_.policy.at(0) = kAuditSuccess | kAuditFailure;
  const auto read = policy_->read();
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->at(kAuditConnection), kFailureOnly);
  EXPECT_EQ(read->at(kAuditPacketDrop), AuditFlags{});
  EXPECT_EQ(read->at(0), (AuditFlags{true, true}));
  EXPECT_EQ(read->at(1), AuditFlags{});
  EXPECT_EQ(policy_->kind(), "windows");
}

TEST_F(ApiAuditPolicy, OffIsNoneAndNotUnchanged) {
  windows_.policy.at(kAuditConnection) = kAuditSuccess;
  const std::array<AuditSetting, 2> settings{
      {{kAuditConnection, {}}, {kAuditPacketDrop, kFailureOnly}}};
  ASSERT_TRUE(policy_->set(settings));
  EXPECT_THAT(windows_.sets, testing::ElementsAre(testing::ElementsAre(kAuditNone, kAuditFailure)));
  const auto read = policy_->read();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at(kAuditConnection), AuditFlags{});
  EXPECT_EQ(read->at(kAuditPacketDrop), kFailureOnly);
}

TEST_F(ApiAuditPolicy, AnOlderWindowsLacksTheNewestSubcategories) {
  windows_.known = 53;
  const auto read = policy_->read();
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(read->at(52));
  EXPECT_FALSE(read->at(53));
  const std::array<AuditSetting, 1> settings{{{53, kFailureOnly}}};
  const auto set = policy_->set(settings);
  ASSERT_FALSE(set);
  EXPECT_EQ(set.error().code, ErrorCode::kInvalidArgument);
  EXPECT_TRUE(windows_.sets.empty());
}

TEST_F(ApiAuditPolicy, WithoutThePrivilegeTheSecurityObjectDecides) {
  windows_.holds_privilege = false;
  const std::array<AuditSetting, 1> settings{{{kAuditConnection, kFailureOnly}}};
  auto refused = policy_->set(settings);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kPermission);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("Manage auditing and security log"));
  windows_.needs_privilege = false;
  EXPECT_TRUE(policy_->set(settings));
}

TEST_F(ApiAuditPolicy, LeavesAPrivilegeThatWasEnabled) {
  windows_.enabled = true;
  EXPECT_TRUE(policy_->read());
  EXPECT_TRUE(windows_.enabled);
  windows_.enabled = false;
}

TEST_F(ApiAuditPolicy, TellsErrorsApart) {
  const std::map<std::uint32_t, ErrorCode> expected{
      {kErrorAccessDenied, ErrorCode::kPermission},
      {kErrorPrivilegeNotHeld, ErrorCode::kPermission},
      {kErrorInvalidParameter, ErrorCode::kInvalidArgument},
      {kErrorFileNotFound, ErrorCode::kInvalidArgument},
      {31, ErrorCode::kIo}};
  const std::array<AuditSetting, 1> settings{{{kAuditConnection, kFailureOnly}}};
  for (const auto& [error, code] : expected) {
    windows_.query_error = error;
    const auto read = policy_->read();
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().code, code) << error;
    EXPECT_FALSE(policy_->set(settings));
    windows_.query_error = 0;
    windows_.set_error = error;
    const auto set = policy_->set(settings);
    ASSERT_FALSE(set);
    EXPECT_EQ(set.error().code, code) << error;
  }
}

TEST_F(ApiAuditPolicy, ACallThatFailsHalfWayIsUndone) {
  windows_.policy.at(kAuditConnection) = kAuditSuccess;
  windows_.set_error = 31;
  windows_.set_before_error = 1;
  const std::array<AuditSetting, 2> settings{
      {{kAuditConnection, kFailureOnly}, {kAuditPacketDrop, kFailureOnly}}};
  EXPECT_FALSE(policy_->set(settings));
  const auto read = policy_->read();
  ASSERT_TRUE(read);
  EXPECT_EQ(read->at(kAuditConnection), (AuditFlags{true, false}));
  EXPECT_EQ(read->at(kAuditPacketDrop), AuditFlags{});
}

TEST_F(ApiAuditPolicy, AConflictIsALegacyPolicyThatWins) {
  EXPECT_FALSE(policy_->conflict({}));  // not set: subcategories win
  windows_.no_legacy = 1;
  EXPECT_FALSE(policy_->conflict({}));
  windows_.no_legacy = 0;
  EXPECT_THAT(policy_->conflict({}).value_or(""),
              testing::HasSubstr("SCENoApplyLegacyAuditPolicy"));
}

TEST_F(ApiAuditPolicy, AConflictIsAGroupPolicyThatSetsSomethingElse) {
  AuditPolicy fixed;
  fixed.at(kAuditPacketDrop) = AuditFlags{};
  windows_.group_policy = AuditCsv::make("", fixed).bytes();
  const std::array<AuditSetting, 1> off{{{kAuditPacketDrop, AuditFlags{}}}};
  const std::array<AuditSetting, 2> on{
      {{kAuditConnection, kFailureOnly}, {kAuditPacketDrop, kFailureOnly}}};
  EXPECT_FALSE(policy_->conflict(off));
  EXPECT_FALSE(policy_->conflict(std::span(on).first(1)));
  EXPECT_THAT(policy_->conflict(on).value_or(""),
              testing::HasSubstr("\"Filtering Platform Packet Drop\""));
  // Before anything is asked for: it may stand against it.
  EXPECT_TRUE(policy_->conflict({}));
  fixed = {};
  fixed.at(0) = AuditFlags{};
  windows_.group_policy = AuditCsv::make("", fixed).bytes();
  EXPECT_FALSE(policy_->conflict({}));
  windows_.group_policy = "not such a file";
  EXPECT_FALSE(policy_->conflict(on));
}

TEST_F(ApiAuditPolicy, TheSecurityLogIsReadWithThePrivilege) {
  EXPECT_FALSE(policy_->security_log());
  windows_.log = SecurityLogApi::State{.bytes = 7, .max_bytes = 8, .records = 1};
  const auto log = policy_->security_log();
  ASSERT_TRUE(log);
  EXPECT_EQ(log->bytes, 7U);
  EXPECT_FALSE(windows_.enabled);
}

TEST(ApiAuditPolicyTable, WithoutTheFunctionsItSaysSo) {
  const auto policy = make_api_audit_policy({});
  EXPECT_EQ(policy->read().error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(policy->set({}).error().code, ErrorCode::kUnsupported);
  EXPECT_FALSE(policy->conflict({}));
  EXPECT_FALSE(policy->security_log());
}

TEST(ApiAuditPolicyTable, TheGuidIsTheOneOfTheText) {
  EXPECT_EQ(
      windows_guid(kAuditConnection),
      (WindowsGuid{0x0CCE9226, 0x69AE, 0x11D9, {0xBE, 0xD3, 0x50, 0x50, 0x54, 0x50, 0x30, 0x30}}));
  EXPECT_EQ(sizeof(WindowsAuditInformation), 36U);
}

}  // namespace
}  // namespace blockwatch
