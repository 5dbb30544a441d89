// Links objects with lld into an image that can be mapped anywhere and run as it is.
#include "backends/native/Native.h"

#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <lld/Common/Driver.h>
#include <llvm/Object/ArchiveWriter.h>
#include <llvm/Object/ELFObjectFile.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>
#include <mutex>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace edgecc::native {

namespace {

// A private folder for lld's inputs and output, removed at the end.
class TemporaryFolder {
public:
  TemporaryFolder() {
    std::error_code status;
    auto parent = std::filesystem::temp_directory_path(status);
    if (status)
      return;
    std::string pattern = (parent / "edgecc-XXXXXX").string();
    if (const char *made = mkdtemp(pattern.data()))
      path_ = made;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path_.empty())
      std::filesystem::remove_all(path_, ignored);
  }
  bool exists() const { return !path_.empty(); }
  std::filesystem::path operator/(const std::string &name) const { return path_ / name; }

private:
  std::filesystem::path path_;
};

Expected<void> writeBytes(const std::filesystem::path &path, std::span<const std::byte> bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char *>(bytes.data()),
            static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out)
    return error("cannot write a temporary file for the linker", path.string(),
                 "is there room in the folder that TMPDIR names?");
  return {};
}

Expected<std::vector<std::byte>> readBytes(const std::filesystem::path &path) {
  auto buffer = llvm::MemoryBuffer::getFile(path.string());
  if (!buffer)
    return error("cannot read the linker's output", path.string());
  auto *bytes = reinterpret_cast<const std::byte *>((*buffer)->getBufferStart());
  return std::vector<std::byte>(bytes, bytes + (*buffer)->getBufferSize());
}

const char *emulationOf(const NativeTarget &target) {
  switch (target.arch) {
  case Arch::X86_64:
    return "elf_x86_64";
  case Arch::AArch64:
    return "aarch64elf";
  case Arch::RISCV64:
    return "elf64lriscv";
  }
  return "";
}

// Runs lld over the objects with `options`; returns the output file's bytes.
Expected<std::vector<std::byte>> runLinker(const NativeTarget &target,
                                           const std::vector<std::vector<std::byte>> &objects,
                                           const std::vector<std::string> &options) {
  TemporaryFolder folder;
  if (!folder.exists())
    return error("cannot make a temporary folder for the linker", "",
                 "is there room in the folder that TMPDIR names?");
  std::string output = (folder / "out").string();
  std::vector<std::string> words = {"ld.lld", "-m",   emulationOf(target),
                                    "-o",     output, "--threads=1"};
  words.insert(words.end(), options.begin(), options.end());
  for (size_t i = 0; i < objects.size(); ++i) {
    auto path = folder / fmt::format("{}.o", i);
    EDGECC_CHECK(writeBytes(path, objects[i]));
    words.push_back(path.string());
  }
  std::vector<const char *> args;
  for (const std::string &word : words)
    args.push_back(word.c_str());
  std::string messages;
  llvm::raw_string_ostream out(messages);
  static std::mutex oneAtATime; // lld keeps global state
  std::lock_guard lock(oneAtATime);
  lld::Result result = lld::lldMain(args, out, out, {{lld::Gnu, &lld::elf::link}});
  if (result.retCode != 0)
    return error("linking the model's code failed: " + messages);
  return readBytes(output);
}

using Elf = llvm::object::ELF64LEFile;

Expected<Image> flatten(std::span<const std::byte> bytes, const std::string &entrySymbol) {
  auto fail = [](llvm::Error e) {
    return error("the linker's output is not as expected: " + llvm::toString(std::move(e)));
  };
  auto elf = Elf::create({reinterpret_cast<const char *>(bytes.data()), bytes.size()});
  if (!elf)
    return fail(elf.takeError());
  auto sections = elf->sections();
  if (!sections)
    return fail(sections.takeError());
  Image image;
  for (const auto &section : *sections) {
    using namespace llvm::ELF;
    if ((section.sh_type == SHT_RELA || section.sh_type == SHT_REL) && section.sh_size != 0)
      return error("the model's code needs run-time relocations");
    if ((section.sh_flags & SHF_ALLOC) && (section.sh_flags & SHF_WRITE) &&
        section.sh_type != SHT_DYNAMIC && section.sh_size != 0)
      return error("the model's code has writable data");
  }
  auto headers = elf->program_headers();
  if (!headers)
    return fail(headers.takeError());
  for (const auto &header : *headers) {
    if (header.p_type != llvm::ELF::PT_LOAD || (header.p_flags & llvm::ELF::PF_W))
      continue;
    size_t end = header.p_vaddr + header.p_filesz;
    if (image.bytes.size() < end)
      image.bytes.resize(end);
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(header.p_offset), header.p_filesz,
                image.bytes.begin() + static_cast<ptrdiff_t>(header.p_vaddr));
    image.segments.push_back({static_cast<int64_t>(header.p_vaddr),
                              static_cast<int64_t>(header.p_memsz),
                              (header.p_flags & llvm::ELF::PF_X) != 0});
  }
  bool found = false;
  for (const auto &section : *sections) {
    if (section.sh_type != llvm::ELF::SHT_SYMTAB)
      continue;
    auto symbols = elf->symbols(&section);
    auto names = elf->getStringTableForSymtab(section);
    if (!symbols || !names) {
      if (!symbols)
        llvm::consumeError(symbols.takeError());
      if (!names)
        llvm::consumeError(names.takeError());
      return error("the linker's output has no symbols");
    }
    for (const auto &symbol : *symbols) {
      auto name = symbol.getName(*names);
      if (!name) {
        llvm::consumeError(name.takeError());
        continue;
      }
      if (symbol.getType() != llvm::ELF::STT_FUNC)
        continue;
      image.symbols.push_back({name->str(), static_cast<int64_t>(symbol.st_value),
                               static_cast<int64_t>(symbol.st_size)});
      if (*name == entrySymbol) {
        image.entry = static_cast<int64_t>(symbol.st_value);
        found = true;
      }
    }
  }
  if (!found)
    return error("the linker's output has no entry function");
  return image;
}

} // namespace

Expected<Image> linkImage(const NativeCode &code) {
  // -shared makes the linker report everything that is not position-independent, and lists what
  // would have to be relocated; -Bsymbolic and hidden symbols bind all calls inside.
  auto objects = code.objects;
  objects.push_back(code.memoryFunctions);
  EDGECC_TRY(bytes,
             runLinker(code.target, objects,
                       {"-shared", "-Bsymbolic", "--no-undefined", "--no-dynamic-linker", "-z",
                        "max-page-size=65536", "-z", "separate-loadable-segments", "-z", "norelro",
                        "-z", "nognustack", "--build-id=none", "--hash-style=sysv"}));
  return flatten(bytes, code.entrySymbol);
}

Expected<std::vector<std::byte>> linkObject(const NativeCode &code, const std::string &symbol) {
  auto objects = code.objects;
  objects.push_back(compileData(code.target, symbol + "_weights", code.weights));
  return runLinker(code.target, objects, {"-r"});
}

Expected<std::vector<std::byte>> makeArchive(const std::vector<std::byte> &object,
                                             const std::string &member) {
  llvm::StringRef bytes(reinterpret_cast<const char *>(object.data()), object.size());
  std::vector<llvm::NewArchiveMember> members;
  members.emplace_back(llvm::MemoryBufferRef(bytes, member));
  auto archive = llvm::writeArchiveToBuffer(members, llvm::SymtabWritingMode::NormalSymtab,
                                            llvm::object::Archive::K_GNU,
                                            /*Deterministic=*/true, /*Thin=*/false);
  if (!archive)
    return error("cannot make the library: " + llvm::toString(archive.takeError()));
  auto *begin = reinterpret_cast<const std::byte *>((*archive)->getBufferStart());
  return std::vector<std::byte>(begin, begin + (*archive)->getBufferSize());
}

} // namespace edgecc::native
