#pragma once

// Certificates for tests of TLS, made when asked for.

#include <cstdio>
#include <gtest/gtest.h>
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string>
#include <string_view>
#include <utility>

namespace thanos::net {

inline void WriteTextFile(const std::string& path, std::string_view text) {
  FILE* file = std::fopen(path.c_str(), "we");
  ASSERT_NE(file, nullptr) << path;
  std::fwrite(text.data(), 1, text.size(), file);
  std::fclose(file);
}

// An end-entity or authority certificate with its key. `issuer` null: signed by itself.
class TestCertificate {
 public:
  TestCertificate(const std::string& name, const std::string& alternative_names, bool is_ca,
                  const TestCertificate* issuer = nullptr)
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    static int serial = 0;
    X509_set_version(certificate_, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate_), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate_), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate_), 3600);
    X509_set_pubkey(certificate_, key_);
    X509_NAME* subject = X509_get_subject_name(certificate_);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate_,
                         issuer == nullptr ? subject : X509_get_subject_name(issuer->certificate_));
    AddExtension(NID_subject_alt_name, alternative_names);
    AddExtension(NID_basic_constraints, is_ca ? "critical,CA:TRUE" : "critical,CA:FALSE");
    X509_sign(certificate_, issuer == nullptr ? key_ : issuer->key_, EVP_sha256());
  }
  ~TestCertificate() {
    X509_free(certificate_);
    EVP_PKEY_free(key_);
  }
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  std::string certificate() const {
    return Text([this](BIO* bio) { PEM_write_bio_X509(bio, certificate_); });
  }
  std::string key() const {
    return Text(
        [this](BIO* bio) { PEM_write_bio_PrivateKey(bio, key_, nullptr, nullptr, 0, nullptr, nullptr); });
  }
  // Writes <stem>.crt and <stem>.key.
  void Write(const std::string& stem) const {
    WriteTextFile(stem + ".crt", certificate());
    WriteTextFile(stem + ".key", key());
  }

 private:
  void AddExtension(int id, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, id, value.c_str());
    X509_add_ext(certificate_, extension, -1);
    X509_EXTENSION_free(extension);
  }
  template <typename Write>
  static std::string Text(Write write) {
    BIO* bio = BIO_new(BIO_s_mem());
    write(bio);
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    std::string out(data, static_cast<size_t>(size));
    BIO_free(bio);
    return out;
  }

  EVP_PKEY* key_;
  X509* certificate_;
};

}  // namespace thanos::net
